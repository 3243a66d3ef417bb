"""A server behind a proxy that passes TCP on, as a load balancer does, and says for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from finial.errors import FinialError
from finial.runtime.grpc import unary
from finial.runtime.tasks import Tasks, until_first
from finial.server.api.access import ATTESTING
from finial.testing.server import Running, attest, play
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub

V1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 4444 8081\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + bytes.fromhex("20010db8" + "00" * 11 + "07") + bytes(16)
V2 += (4444).to_bytes(2, "big") + (8081).to_bytes(2, "big")


@asynccontextmanager
async def proxy(running: Running, header: bytes) -> AsyncIterator[None]:
    """In front of the server: whoever calls it by `running` meanwhile calls through it."""
    behind = running.server.port

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while part := await reader.read(1 << 16):
                writer.write(part)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", behind)
        try:
            forth.write(header)
            await until_first(pump(reader, forth), pump(back, writer))
        finally:
            for one in (forth, writer):
                one.close()
                with suppress(ConnectionError):
                    await one.wait_closed()

    async with Tasks() as tasks:

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.start(serve(reader, writer), name="proxied connection")

        listening = await asyncio.start_server(accepted, "127.0.0.1", 0)
        running.server.port = listening.sockets[0].getsockname()[1]
        try:
            async with listening:
                yield
        finally:
            running.server.port = behind


async def ask(running: Running) -> None:
    async with running.remote() as channel:
        await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())


@pytest.mark.parametrize(("header", "host"), [(V1, "203.0.113.7"), (V2, "2001:db8::7")], ids=["v1", "v2"])
def test_behind_a_trusted_proxy_the_caller_is_who_it_names(tmp_path: Path, header: bytes, host: str) -> None:
    async def scene(running: Running) -> None:
        async with proxy(running, header):
            await attest(running)
        (line,) = [one for one in running.lines if "Agent attestation request completed" in one]
        shown = f"[{host}]" if ":" in host else host
        assert f'caller_addr="{shown}:4444"' in line
        assert list(running.server.gate._limiters[ATTESTING]._buckets) == [host]
        assert any("PROXY protocol enabled" in one and "[127.0.0.0/8]" in one for one in running.lines)

    play(tmp_path, scene, 'proxy_protocol_trusted_cidrs = ["127.0.0.0/8"]', limited=True)


def test_a_trusted_proxy_that_names_nobody_is_the_caller(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        for header in (b"", b"PROXY UNKNOWN\r\n"):
            async with proxy(running, header):
                await attest(running)
        lines = [one for one in running.lines if "Agent attestation request completed" in one]
        assert len(lines) == 2
        assert all('caller_addr="127.0.0.1:' in one for one in lines)

    play(tmp_path, scene, 'proxy_protocol_trusted_cidrs = ["127.0.0.0/8"]')


@pytest.mark.parametrize("options", ["", 'proxy_protocol_trusted_cidrs = ["10.0.0.0/8"]'])
def test_nobody_else_can_name_another_caller(tmp_path: Path, options: str) -> None:
    async def scene(running: Running) -> None:
        async with proxy(running, V1):
            with pytest.raises(FinialError):
                await ask(running)
        await ask(running)
        assert not any("203.0.113.7" in one for one in running.lines)

    play(tmp_path, scene, options)
