"""A whole trust domain for tests: a server and an agent, each a process of its own, in a test's folder.

    async with Domain(tmp_path) as domain:
        await domain.register("web", f"unix:path:{program}", ttl=8)
        subprocess.run([program], env=domain.environment)

Entries hang below the alias `/node`, which the agent's join token brings. A call that changes what workloads
get returns once the agent has the change in hand. Nothing here belongs to an event loop, so a domain may
outlive the loop it was started in. Either part may be killed and started again, in another environment.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from finial.errors import FinialError, Internal, InvalidArgument
from finial.lab import process
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing import configs
from finial.testing.configs import HOST
from finial.wire.client import ServerApi
from finial.wire.convert.bundle import bundle_from_wire, bundle_to_wire
from finial.wire.convert.id import id_to_wire, selectors_to_wire
from finial.wire.pb.finial.change.v1.change_pb2 import WaitRequest
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import CreateJoinTokenRequest
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import (
    BatchSetFederatedBundleRequest,
    GetBundleRequest,
)
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import (
    BatchCreateEntryRequest,
    BatchDeleteEntryRequest,
    BatchUpdateEntryRequest,
    ListEntriesRequest,
)
from finial.wire.pb.spire.api.types.entry_pb2 import Entry, EntryMask
from finial.wire.pb.spire.api.types.status_pb2 import Status

DEBUG = 'log_level = "DEBUG"'
PORTS = range(20000, 32000)  # below those that outgoing connections get
POLL = 0.02  # seconds between two looks at a condition
PATIENCE = 40.0  # seconds until a condition that does not come is a failure


class Domain:
    """`server_options` and `agent_options` are lines of the section of that name. `database`: the address of a
    PostgreSQL database, in place of a SQLite file. `server_plugins`: its NodeAttestor, and more; `agent_proof`: the
    agent's NodeAttestor; `node`: what entries hang below, the alias that a join token brings, or the agent's own ID."""

    def __init__(
        self,
        folder: Path,
        *,
        trust_domain: str = "example.org",
        server_options: Sequence[str] = (),
        agent_options: Sequence[str] = (),
        database: str = "",
        server_plugins: Sequence[str] = (configs.JOIN_TOKEN,),
        agent_proof: str = configs.JOIN_TOKEN,
        node: str = "node",
    ) -> None:
        self.folder = folder
        self.trust_domain = TrustDomain(trust_domain)
        self.node = self.id_of(node)
        self._server_options, self._agent_options = server_options, agent_options
        self._database, self._server_plugins, self._agent_proof = database, server_plugins, agent_proof
        self.port = free_port()
        self._server: process.Child | None = None
        self._agent: process.Child | None = None

    @property
    def endpoint(self) -> str:
        return f"unix://{self.folder}/agent.sock"

    @property
    def environment(self) -> dict[str, str]:
        """For a workload: this process's own, and where the agent is."""
        return {**os.environ, "SPIFFE_ENDPOINT_SOCKET": self.endpoint}

    @property
    def server_log(self) -> str:
        return (self.folder / "server.log").read_text()

    @property
    def agent_log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def id_of(self, name: str) -> SpiffeId:
        return SpiffeId.parse(f"spiffe://{self.trust_domain}/{name}")

    @asynccontextmanager
    async def api(self) -> AsyncIterator[ServerApi]:
        """The server's API, as an administrator."""
        async with ServerApi.at(f"{self.folder}/server.sock") as api:
            yield api

    async def start(self) -> Self:
        """Returns once workloads may call. Raises: Internal, with the log, if a part does not come up."""
        self.configure()
        try:
            await self.start_server()
            await self.start_new_agent()
        except BaseException:
            await self.stop()
            raise
        return self

    def configure(self) -> None:
        """Writes the configurations and the server's folder; `start` does it too."""
        (self.folder / "server").mkdir(mode=0o700, exist_ok=True)
        (self.folder / "server.conf").write_text(
            configs.server_conf(
                self.folder,
                DEBUG,
                *self._server_options,
                port=self.port,
                trust_domain=self.trust_domain.name,
                database=self._database,
                plugins=self._server_plugins,
            )
        )
        (self.folder / "agent.conf").write_text(
            configs.agent_conf(
                self.folder,
                DEBUG,
                configs.trust_bundle(self.folder),
                *self._agent_options,
                port=self.port,
                trust_domain=self.trust_domain.name,
                plugins=(self._agent_proof, configs.agent_keys(self.folder), configs.UNIX_WITH_PATHS),
            )
        )

    async def stop(self) -> None:
        await self.stop_agent()
        await self.stop_server()

    @property
    def server(self) -> process.Child:
        """Raises: Internal if it is not running."""
        return running(self._server, "server")

    @property
    def agent(self) -> process.Child:
        return running(self._agent, "agent")

    async def start_server(self, environment: Mapping[str, str] | None = None) -> None:
        """Raises: Internal, with the log, if it ends or does not answer; what was started is ended then."""
        self._server = self._run("server", (), environment)
        try:
            await self._until(self._server_answers, "server")
        except BaseException:
            await self.stop_server()
            raise

    async def stop_server(self) -> None:
        if self._server is not None:
            await self._server.end()
            self._server = None

    async def kill_server(self) -> None:
        """SIGKILL, and reaped."""
        child, self._server = self.server, None
        await kill(child)

    async def start_agent(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Raises: as `start_server`."""
        self._agent = self._run("agent", arguments, environment)
        try:
            await self._until(self._agent_listens, "agent")
        except BaseException:
            await self.stop_agent()
            raise

    async def start_new_agent(self, environment: Mapping[str, str] | None = None) -> None:
        """One that has no identity yet: with the bundle of now, and a token where it proves itself by one."""
        await self.hand_out_bundle()
        arguments = ("-joinToken", await self.new_token()) if self._agent_proof == configs.JOIN_TOKEN else ()
        await self.start_agent(*arguments, environment=environment)

    async def stop_agent(self) -> None:
        if self._agent is not None:
            await self._agent.end()
            self._agent = None

    async def kill_agent(self) -> None:
        child, self._agent = self.agent, None
        await kill(child)

    async def register(
        self,
        name: str,
        *selectors: str,
        ttl: int = 0,
        jwt_ttl: int = 0,
        hint: str = "",
        federates_with: Sequence[str] = (),
    ) -> str:
        """An entry for whoever has these selectors, "type:value" each. Returns: the entry's ID."""
        wanted = Entry(
            spiffe_id=id_to_wire(self.id_of(name)),
            parent_id=id_to_wire(self.node),
            selectors=selectors_to_wire([Selector(*one.split(":", 1)) for one in selectors]),
            x509_svid_ttl=ttl,
            jwt_svid_ttl=jwt_ttl,
            hint=hint,
            federates_with=federates_with,
        )
        async with self.api() as api:
            answer, position = await api.with_position(
                api.entry.BatchCreateEntry, BatchCreateEntryRequest(entries=[wanted])
            )
            check(answer.results[0].status)
            entry_id = answer.results[0].entry.id
            await arrival(api, position, entry_id)
        return entry_id

    async def update(self, entry_id: str, **fields: object) -> None:
        """Of the entry, exactly these fields of `spire.api.types.Entry`."""
        mask = EntryMask(**dict.fromkeys(fields, True))
        changed = Entry(id=entry_id, **fields)  # type: ignore[arg-type]  # protobuf checks them
        async with self.api() as api:
            answer, position = await api.with_position(
                api.entry.BatchUpdateEntry, BatchUpdateEntryRequest(entries=[changed], input_mask=mask)
            )
            check(answer.results[0].status)
            await arrival(api, position, entry_id)

    async def delete(self, entry_id: str) -> None:
        async with self.api() as api:
            answer = await api.entry.BatchDeleteEntry(BatchDeleteEntryRequest(ids=[entry_id]))
        check(answer.results[0].status)

    async def roots(self) -> frozenset[bytes]:
        """DER, of the server's own bundle."""
        async with self.api() as api:
            bundle = await api.bundle.GetBundle(GetBundleRequest())
        return frozenset(one.asn1 for one in bundle.x509_authorities)

    async def entry_ids(self) -> frozenset[str]:
        async with self.api() as api:
            listed = await api.entry.ListEntries(ListEntriesRequest())
        return frozenset(one.id for one in listed.entries)

    async def federate(self, bundle: Bundle) -> None:
        """Sets the bundle of a foreign trust domain; entries that federate with it bring it to workloads."""
        async with self.api() as api:
            answer = await api.bundle.BatchSetFederatedBundle(
                BatchSetFederatedBundleRequest(bundle=[bundle_to_wire(bundle)])
            )
        check(answer.results[0].status)

    async def enrol(self) -> str:
        """Writes the bundle that the agent trusts at first. Returns: its join token."""
        await self.hand_out_bundle()
        return await self.new_token()

    async def hand_out_bundle(self) -> None:
        async with self.api() as api:
            bundle = bundle_from_wire(await api.bundle.GetBundle(GetBundleRequest()))
        (self.folder / "bundle.pem").write_bytes(bundle_document.encode_pem(bundle.x509_roots))

    async def new_token(self) -> str:
        async with self.api() as api:
            request = CreateJoinTokenRequest(ttl=600, agent_id=id_to_wire(self.node))
            return (await api.agent.CreateJoinToken(request)).value

    def _run(
        self, part: str, arguments: Sequence[str], environment: Mapping[str, str] | None
    ) -> process.Child:
        command = ["-m", "finial", part, "run", "-config", str(self.folder / f"{part}.conf"), *arguments]
        return process.start(part, command, self.folder / f"{part}.log", environment=environment)

    async def _server_answers(self) -> bool:
        try:
            async with self.api() as api:
                await api.bundle.GetBundle(GetBundleRequest())
        except FinialError:
            return False
        return True

    async def _agent_listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(f"{self.folder}/agent.sock") == 0

    async def _until(self, condition: Callable[[], Awaitable[bool]], part: str) -> None:
        child = self._server if part == "server" else self._agent
        assert child is not None
        try:
            async with asyncio.timeout(PATIENCE):
                while not await condition():
                    if child.popen.poll() is not None:
                        raise Internal(f"the {part} ended with {child.popen.returncode}")
                    await asyncio.sleep(POLL)
        except (Internal, TimeoutError) as why:
            raise Internal(f"{part} did not start: {(self.folder / f'{part}.log').read_text()}") from why

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def arrival(api: ServerApi, position: bytes, entry_id: str) -> None:
    """Returns once every agent that may hold the entry has the change in hand. Raises: TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        async for answer in api.wait(WaitRequest(position=position, entry_ids=[entry_id])):
            if answer.done:
                return


def running(child: process.Child | None, part: str) -> process.Child:
    if child is None:
        raise Internal(f"the {part} is not running")
    return child


async def kill(child: process.Child) -> None:
    child.process.signal(signal.SIGKILL)
    await child.ended()
    child.close()


def check(status: Status) -> None:
    if status.code:
        raise InvalidArgument(f"the server refused: {status.message}")


def free_port() -> int:
    """One that nobody listens on now, and that no outgoing connection will get."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
