"""How each process of the lab is started: the server, the agent, the console, and a service that is vouched for.

Each function here answers once its process does its work, and leaves no process behind when it raises.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from finial.errors import DeadlineExceeded, FailedPrecondition, FinialError, Unavailable
from finial.lab import channel as channels
from finial.lab import enrol, postgres, process, vouched
from finial.lab.channel import Channel, Record
from finial.lab.handing import Handing
from finial.lab.keep import until_ready
from finial.lab.place import Place
from finial.lab.ports import HOST
from finial.lab.process import Child, last_words
from finial.lab.topology import Topology
from finial.runtime import private_file
from finial.runtime.clock import Clock
from finial.runtime.handover import FD_VARIABLE
from finial.spiffe.id import SpiffeId
from finial.wire.client import ServerApi

READY_TIMEOUT = 30.0


@dataclass(slots=True)
class Members:
    """What the starts have in common."""

    place: Place
    topology: Topology
    ports: Mapping[str, int]
    handing: Handing
    clock: Clock
    note: Callable[[Child], None]  # each process that was started

    async def postgres(self) -> Child:
        """The lab's own database server, answering."""
        folder, port = self.place.postgres, self.ports["postgres"]
        await asyncio.to_thread(postgres.prepare, folder)
        dsn = await asyncio.to_thread(postgres.dsn, folder, port)
        child = self._start("postgres", ("-m", "finial.lab.postgres", str(folder), str(port)))
        async with self._or_ended(child):
            check = partial(asyncio.to_thread, postgres.check, dsn)
            await until_ready(child, check, self.clock, READY_TIMEOUT)
        return child

    async def server(self) -> Child:
        """Serving, with every entry in place and its bundle written for agents."""
        arguments = ("-m", "finial.lab.hidden", "server", "run", "-config", str(self.place.config("server")))
        child = self._start("server", arguments)
        async with self._or_ended(child):
            await until_ready(child, self._server_is_well, self.clock, READY_TIMEOUT)
            async with ServerApi.at(str(self.place.server_socket)) as api:
                await enrol.write_bundle(api, self.place.bundle)
                await enrol.register(api, self.topology)
        return child

    async def agent(self) -> tuple[Child, SpiffeId]:
        """Attested with a token of its own, listening, and told of every service that runs."""
        async with ServerApi.at(str(self.place.server_socket)) as api:
            token = await enrol.join_token(api, self.topology)
        private_file.replace(self.place.join_token, token.encode() + b"\n")
        with self.handing.new_agent() as inherited:
            arguments = (
                "-m",
                "finial.lab.hidden",
                "agent",
                "run",
                "-config",
                str(self.place.config("agent")),
            )
            number = inherited.fileno()
            child = self._start("agent", arguments, (number,), {FD_VARIABLE: str(number)})
        async with self._or_ended(child):
            await until_ready(child, self._agent_listens, self.clock, READY_TIMEOUT)
            await self.handing.again()
        return child, enrol.agent_of(self.topology, token)

    async def console(self) -> Child:
        """Serving its page."""
        place, metrics = self.place, {of: self.ports[f"{of}-metrics"] for of in ("server", "agent")}
        arguments = ["-m", "finial.lab.hidden", "console", "-strictPort", "-port", str(self.ports["console"])]
        arguments += ["-socketPath", str(place.server_socket), "-agentSocketPath", str(place.agent_socket)]
        arguments += ["-linkSocket", str(place.console_socket)]
        for of, port in metrics.items():
            arguments += [f"-{of}Metrics", f"http://{HOST}:{port}/metrics"]
        child = self._start("console", tuple(arguments))
        async with self._or_ended(child):
            check = partial(check_listening, place.console_socket)
            await until_ready(child, check, self.clock, READY_TIMEOUT)
        return child

    async def vouched(
        self, name: str, arguments: tuple[str, ...], agent_is_up: asyncio.Event
    ) -> tuple[Child, Channel]:
        """A process of `finial.lab.vouched`, handed over and told to go. Its channel is the caller's."""
        ours, theirs = channels.pair()
        lifeline, writing = os.pipe()
        try:
            inherit = (theirs.fileno(), writing)
            child = self._start(name, ("-m", *arguments, *vouched.options(*inherit)), inherit)
            child.lifeline = lifeline
        finally:
            theirs.close()
            os.close(writing)
        channel = await Channel.over(ours)
        async with self._or_ended(child, channel):
            await self.expect(child, channel, "prepared")
            await agent_is_up.wait()
            await self.handing.vouch(child)
            await channel.send({"go": {"endpoint": self.place.endpoint, "ports": dict(self.ports)}})
        return child, channel

    async def expect(self, child: Child, channel: Channel, what: str) -> Record:
        """The next record, which must be this one. Raises: FailedPrecondition, DeadlineExceeded."""
        record = await self.expect_any(child, channel)
        if what not in record:
            raise FailedPrecondition(f"{child.name} is not {what}, but says {', '.join(record)}")
        return record

    async def expect_any(self, child: Child, channel: Channel) -> Record:
        """The next record. Raises: FailedPrecondition if the process ends first, DeadlineExceeded."""
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                record = await channel.receive()
                if record is None:
                    await child.ended()  # its last words are in the log then
        except TimeoutError as why:
            raise DeadlineExceeded(f"{child.name} says nothing for {READY_TIMEOUT:g} s") from why
        if record is None:
            raise FailedPrecondition(f"{child.name} ended too early: {last_words(child.log)}")
        return record

    def _start(
        self,
        name: str,
        arguments: tuple[str, ...],
        inherit: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        child = process.start(
            name, arguments, self.place.log(name), pass_fds=inherit, environment=environment
        )
        self.note(child)
        return child

    async def _server_is_well(self) -> None:
        await enrol.check_serving(self.place.server_socket)

    async def _agent_listens(self) -> None:
        await check_listening(self.place.agent_socket)

    @asynccontextmanager
    async def _or_ended(self, child: Child, channel: Channel | None = None) -> AsyncIterator[None]:
        try:
            yield
        except BaseException as why:
            if channel is not None:
                await channel.close()
            self.handing.forget(child)
            await child.end()
            if isinstance(why, FinialError):
                raise why.within(f"start {child.name}") from why
            raise


async def check_listening(path: Path) -> None:
    """Raises: Unavailable until somebody listens on this Unix socket."""
    try:
        _, writer = await asyncio.open_unix_connection(os.fspath(path))
    except OSError as why:
        raise Unavailable(f'nobody listens on "{path}"') from why
    writer.close()
    await writer.wait_closed()
