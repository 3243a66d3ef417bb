"""The client's examples and the snippets of docs/client.md, each run against a Workload API of the test's own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from finial.client import authorize, grpc
from finial.client import httpx as mtls
from finial.testing.asgi import serving
from finial.testing.ca import TestCa
from finial.testing.workload import Workload, WorkloadApiServer, workloads
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase
from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckResponse

pytestmark = [pytest.mark.slow]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ME, PEER = "spiffe://example.org/me", "spiffe://example.org/peer"
CA = TestCa()
PATIENCE = 30.0  # seconds
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


@asynccontextmanager
async def program(
    api: WorkloadApiServer, *arguments: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
    """A Python program with the identity that `api` gives, and what it writes. Ended with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, "SPIFFE_ENDPOINT_SOCKET": api.address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def output(api: WorkloadApiServer, *arguments: str) -> tuple[int, str]:
    async with program(api, *arguments) as (process, written):
        text = await asyncio.wait_for(written.read(), PATIENCE)
        return await process.wait(), text.decode()


async def until(written: asyncio.StreamReader, words: str) -> str:
    """The first line with these words."""
    seen = ""
    while words not in (line := (await asyncio.wait_for(written.readline(), PATIENCE)).decode()):
        assert line, seen
        seen += line
    return line


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@asynccontextmanager
async def me_and_peer(folder: Path) -> AsyncIterator[list[Workload]]:
    async with workloads(folder, (CA, "/me"), (CA, "/peer")) as both:
        yield both


def test_routes_are_guarded_by_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        async with me_and_peer(tmp_path) as (me, peer):
            async with program(me.api, str(EXAMPLES / "guarded_routes.py"), port, PEER) as (_, written):
                await until(written, "Uvicorn running")
                url = f"https://127.0.0.1:{port}/orders"
                async with mtls.client(peer.source, authorize.one_of(ME)) as http:
                    assert (await http.post(url)).text == f"{PEER} sees 1 orders\n"
                    assert (await http.delete(url)).status_code == 404
                async with mtls.client(me.source, authorize.one_of(ME)) as http:
                    assert (await http.get(url)).text == f"{ME} sees 1 orders\n"
                    refused = await http.post(url)
                    assert (refused.status_code, refused.text) == (403, f'unexpected ID "{ME}"\n')

    asyncio.run(scenario())


def test_the_grpc_pair_calls_by_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with me_and_peer(tmp_path) as (me, peer):
            async with program(me.api, str(EXAMPLES / "grpc_server.py"), "0", PEER) as (server, written):
                port = (await until(written, f"{ME} serves")).rpartition(":")[2].strip()
                ask = (str(EXAMPLES / "grpc_client.py"), port)
                assert await output(peer.api, *ask, ME) == (0, f"{ME} is SERVING\n")
                assert f"asked by {PEER}" in await until(written, "asked by")
                status, text = await output(peer.api, *ask, PEER)
                assert (status, f'unexpected ID "{ME}"' in text) == (1, True)
                server.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(server.wait(), PATIENCE) == 0

    asyncio.run(scenario())


def test_the_blocking_script_calls_by_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with me_and_peer(tmp_path) as (me, peer), serving(peer.source) as url:
            script = str(EXAMPLES / "blocking_client.py")
            assert await output(me.api, script, url, PEER) == (0, f"you are {ME}")
            status, text = await output(me.api, script, url, ME)
            assert (status, f'unexpected ID "{PEER}"' in text) == (1, True)

    asyncio.run(scenario())


def snippets() -> list[str]:
    return SNIPPET.findall((ROOT / "docs" / "client.md").read_text())


def title(snippet: str) -> str:
    return snippet.partition("\n")[0].removeprefix("# ")


class Serving(HealthBase):
    async def Check(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(HealthCheckResponse(status=HealthCheckResponse.SERVING))

    async def Watch(self, stream: Any) -> None:
        await self.Check(stream)

    async def List(self, stream: Any) -> None:
        await self.Check(stream)


@pytest.mark.parametrize("snippet", snippets(), ids=title)
def test_each_snippet_runs(tmp_path: Path, snippet: str) -> None:
    """The server is the one that the page names, on free ports instead of its own."""

    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/me"), (CA, "/payment-api")) as (me, payment):
            only_me = authorize.one_of(ME)
            async with (
                serving(payment.source) as url,
                grpc.serve([Serving()], payment.source, only_me) as calls,
            ):
                code = snippet.replace("https://127.0.0.1:18444/", url).replace("18445", str(calls.port))
                status, text = await output(me.api, "-c", code)
                assert status == 0, text

    asyncio.run(scenario())


def test_the_page_shows_every_adapter() -> None:
    shown = {title(one) for one in snippets()}
    assert shown == {"httpx", "aiohttp", "gRPC", "bearer tokens", "blocking", "PostgreSQL", "py-spiffe"}
