"""A trust domain on this machine: started in order, kept running, ended in order.

    server -> agent, console and services at once -> hand-over -> every service serves -> every service has talked

A process that ends is started again. A new agent attests anew and gets every service handed over; the one
before it is evicted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from finial.errors import DeadlineExceeded, FinialError
from finial.lab import configs, enrol, postgres, state
from finial.lab.channel import Channel, Record
from finial.lab.control import Control
from finial.lab.handing import Handing
from finial.lab.keep import Kept
from finial.lab.members import Members
from finial.lab.place import Place
from finial.lab.ports import HOST
from finial.lab.process import Child
from finial.lab.state import State
from finial.lab.topology import LAB, Topology
from finial.runtime import private_file
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.tasks import Tasks
from finial.spiffe.id import SpiffeId
from finial.wire.client import ServerApi

TALK_TIMEOUT = 30.0
Tell = Callable[[Record], None]


class Domain:
    """Server, agent and services, kept running. `tell` gets a record for each phase that is done."""

    def __init__(self, place: Place, found: State, clock: Clock, log: Logger, tell: Tell) -> None:
        self.topology: Topology = LAB.with_ttl(found.ttl) if found.ttl else LAB
        self.place, self.state, self.clock, self.log = place, found, clock, log
        self._tell = tell
        self.handing = Handing()
        self.members = Members(place, self.topology, found.ports, self.handing, clock, self._note)
        self.statuses: dict[str, Record] = {}
        self._talked = {name: asyncio.Event() for name in self.topology.names}
        self._all_serve = asyncio.Event()
        self._tasks = Tasks(lambda name, why: log.error("Task failed", task=name, error=why))
        self.server = Kept("server", self.members.server, clock, log)
        own = found.postgres == state.EMBEDDED
        self.postgres = [Kept("postgres", self.members.postgres, clock, log)] if own else []
        self.agent = Kept("agent", self._start_agent, clock, log)
        self.services = [
            Kept(name, partial(self._start_service, name), clock, log) for name in self.topology.names
        ]
        own_page = "console" in found.ports
        self.console = [Kept("console", self.members.console, clock, log)] if own_page else []

    @property
    def kept(self) -> list[Kept]:
        return [*self.postgres, self.server, self.agent, *self.services, *self.console]

    async def run(self) -> None:
        """Until cancelled. Raises: what kept a process from starting the first time."""
        try:
            await self._first_start()
            async with Control(self.place.control_socket, self):
                self._tell({"ready": True})
                await asyncio.Event().wait()
        finally:
            await self._end()

    async def _first_start(self) -> None:
        began = self.clock.monotonic()
        phases: dict[str, float] = {}

        def done(phase: str) -> None:
            phases[phase] = round(self.clock.monotonic() - began - sum(phases.values()), 3)
            self._tell({"phase": phase, "seconds": phases[phase]})

        for one in self.postgres:
            await one.begin()
            done("postgres")
        write_configs(self.place, self.topology, self.state)
        async with Tasks() as starts:
            for one in self.services:
                starts.start(one.begin(), name=one.name)
            await self.server.begin()
            done("server")
            for one in self.console:
                starts.start(one.begin(), name=one.name)
            await self.agent.begin()
            done("agent")
            await starts.wait()
            done("services")
        for one in self.kept:
            self._tasks.start(one.keep(), name=f"keep {one.name}")
        self._all_serve.set()
        await self.until_talked()
        done("mTLS")
        self.state = replace(self.state, phases=phases)
        self._save()

    async def until_talked(self) -> None:
        """Until every service has made each of its calls. Raises: DeadlineExceeded."""
        try:
            async with asyncio.timeout(TALK_TIMEOUT):
                for one in self.kept:
                    await one.up.wait()
                for event in self._talked.values():
                    await event.wait()
        except TimeoutError as why:
            silent = [one.name for one in self.kept if not one.up.is_set()]
            silent += [
                name for name, event in self._talked.items() if not event.is_set() and name not in silent
            ]
            raise DeadlineExceeded(
                f"not all is well after {TALK_TIMEOUT:g} s: see {', '.join(silent)}"
            ) from why

    async def _start_agent(self) -> Child:
        await self.server.up.wait()
        child, agent = await self.members.agent()
        gone = [SpiffeId.parse(one) for one in self.state.agents]
        self.state = replace(self.state, agents=(*self.state.agents, str(agent)))
        self._tasks.start(self._retire(gone, agent), name="evict the agent before")
        return child

    async def _retire(self, gone: Sequence[SpiffeId], current: SpiffeId) -> None:
        try:
            async with ServerApi.at(str(self.place.server_socket)) as api:
                await enrol.retire(api, gone)
        except FinialError as why:  # the server is away: the next agent's start tries again
            self.log.warning("Agents before were not evicted", error=why)
            return
        self.state = replace(self.state, agents=(str(current),))
        self._save()

    async def _start_service(self, name: str) -> Child:
        self._talked[name].clear()
        arguments = ("finial.lab.service", name)
        child, channel = await self.members.vouched(name, arguments, self.agent.up)
        try:
            await self.members.expect(child, channel, "serving")
        except BaseException:
            self.handing.forget(child)
            await channel.close()
            await child.end()
            raise
        self._tasks.start(self._follow(name, child, channel), name=f"status of {name}")
        return child

    async def _follow(self, name: str, child: Child, channel: Channel) -> None:
        """Keeps what a service tells until it ends."""
        async with channel:
            await self._all_serve.wait()
            with contextlib.suppress(FinialError):
                await channel.send({"call": True})
                async for record in channel:
                    self._take(name, record["status"])
        self.handing.forget(child)
        self.statuses.pop(name, None)
        self._talked[name].clear()

    def _take(self, name: str, status: Record) -> None:
        self.statuses[name] = status
        wanted = self.topology.calls_of(name)
        denied = sum(one.denied for one in wanted)
        calls = status["calls"]
        if calls["ok"] >= len(wanted) - denied and calls["denied"] > denied:  # and the impostor
            self._talked[name].set()

    def _note(self, child: Child) -> None:
        self.state = replace(self.state, processes={**self.state.processes, child.name: child.started})
        self._save()

    def _save(self) -> None:
        state.write(self.place.state_file, self.state)

    async def _end(self) -> None:
        """Services first, the server last; then nothing runs and no socket is left."""
        self.log.info("Ending")
        await self._tasks.close()
        await asyncio.gather(*(one.end() for one in (*self.console, *self.services)))
        await self.agent.end()
        await self.server.end()
        await asyncio.gather(*(one.end() for one in self.postgres))
        self.handing.close()
        for path in (self.place.agent_socket, self.place.server_socket, self.place.console_socket):
            path.unlink(missing_ok=True)
        self.state = replace(self.state, launcher=None, processes={})
        self._save()


def dsn_of(place: Place, found: State) -> str:
    """Of PostgreSQL; empty for SQLite. Raises: FailedPrecondition before the lab's own is prepared."""
    if found.postgres == state.EMBEDDED:
        return postgres.dsn(place.postgres, found.ports["postgres"])
    return found.postgres


def write_configs(place: Place, topology: Topology, found: State) -> None:
    dsn = dsn_of(place, found)
    for name, text in (
        ("server", configs.server_conf(place, topology, HOST, found.ports, dsn)),
        ("agent", configs.agent_conf(place, topology, HOST, found.ports)),
    ):
        private_file.replace(place.config(name), text.encode())
