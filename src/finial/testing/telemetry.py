"""A server and an agent whose metrics are read, as the section `telemetry` of their files asks for."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import ssl
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from finial.agent.main import run
from finial.config.agent import load_agent
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import GRPCError, unary
from finial.runtime.log import Logger, Output
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext, Material
from finial.spiffe import bundle_document
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid import csr
from finial.svid.x509 import private_key_to_pkcs8
from finial.testing.configs import agent_conf, trust_bundle
from finial.testing.scripted_server import ScriptedServer
from finial.testing.server import TRUST_DOMAIN, new_key, server
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub

UID = Selector("unix", f"uid:{os.geteuid()}")
PORT = re.compile(r'msg="Starting prometheus exporter" host=(\S+) port=(\d+)')


@dataclass(frozen=True, slots=True)
class Program:
    """What runs. `reader`: a TLS context that shows an SVID of that ID and trusts the trust domain."""

    log: Callable[[], str]
    call: Callable[[], Awaitable[None]]
    reader: Callable[[str], Awaitable[ssl.SSLContext]]

    @property
    def address(self) -> tuple[str, int]:
        found = PORT.search(self.log())
        assert found, self.log()
        return found[1], int(found[2])


@asynccontextmanager
async def running_server(folder: Path, telemetry: str) -> AsyncIterator[Program]:
    async with server(folder, telemetry=telemetry) as running:

        async def call() -> None:
            async with running.admin() as channel:
                with contextlib.suppress(GRPCError):
                    await unary(EntryStub(channel).GetEntry, entry_pb2.GetEntryRequest(id="nope"))

        async def reader(spiffe_id: str) -> ssl.SSLContext:
            key = new_key()
            asked = csr.create(key, SpiffeId.parse(spiffe_id))
            request = svid_pb2.MintX509SVIDRequest(csr=asked, ttl=600)
            async with running.admin() as channel:
                chain = (await unary(SVIDStub(channel).MintX509SVID, request)).svid.cert_chain
            roots = running.server.follower.view.bundles[TRUST_DOMAIN].x509_roots
            material = Material({"example.org": roots}, tuple(chain), private_key_to_pkcs8(key), alpn=())
            return FollowingContext(material, lambda _: None)

        yield Program(lambda: "\n".join(running.lines), call, reader)


@asynccontextmanager
async def running_agent(folder: Path, telemetry: str) -> AsyncIterator[Program]:
    async with ScriptedServer() as scripted:
        (folder / "bundle.pem").write_bytes(bundle_document.encode_pem(scripted.bundle.x509_roots))
        node = SpiffeId.parse("spiffe://example.org/node")
        scripted.entries = {"a": Entry("a", SpiffeId.parse("spiffe://example.org/a"), node, (UID,))}
        text = agent_conf(
            folder, f'join_token = "{scripted.new_token()}"', trust_bundle(folder), port=scripted.address.port
        )
        log, stopped = io.StringIO(), asyncio.Event()
        config = load_agent(f"{text}\ntelemetry {{ {telemetry} }}", "agent.conf")
        tasks = Tasks()
        agent = run(config, SystemClock(), Logger(Output(log, now=SystemClock().now)), stopped)
        task = tasks.start(agent, name="agent")

        async def call() -> None:
            arguments = (
                "-m",
                "finial",
                "agent",
                "api",
                "fetch",
                "x509",
                "-socketPath",
                f"{folder}/agent.sock",
            )
            asking = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=DEVNULL)
            assert await asking.wait() == 0

        async def reader(spiffe_id: str) -> ssl.SSLContext:
            issued = scripted.ca.leaf(spiffe_id.removeprefix("spiffe://example.org"))
            material = Material(
                {"example.org": (scripted.ca.der,)},
                issued.chain,
                private_key_to_pkcs8(issued.private_key),
                alpn=(),
            )
            return FollowingContext(material, lambda _: None)

        try:
            async with asyncio.timeout(20):
                while "Starting agent APIs" not in log.getvalue():  # noqa: ASYNC110 - a log sends no event
                    await asyncio.sleep(0.01)
            yield Program(log.getvalue, call, reader)
        finally:
            stopped.set()
            await asyncio.wait_for(task, 10)
            await tasks.close()


async def scraped(program: Program, verify: ssl.SSLContext | bool = True) -> str:
    host, port = program.address
    scheme = "http" if verify is True else "https"
    async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
        return (await client.get(f"{scheme}://{host}:{port}/metrics")).text
