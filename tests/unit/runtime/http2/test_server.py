"""The server's life: peers, refused connections, bound sockets, a clean end."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.errors import PermissionDenied, Unavailable
from finial.runtime.grpc import UNIX, Channel, Server, unary
from finial.testing.loops import Run, each_loop
from finial.testing.probe import Probe, ProbeStub


class Peer:
    closed = 0

    def close(self) -> None:
        self.closed += 1


@each_loop
def test_a_peer_is_closed_with_its_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path, peer = str(tmp_path / "s"), Peer()
        async with Server([Probe()], UNIX, accepts=lambda _: peer) as server:
            await server.start(path=path)
            async with Channel(path=path) as channel:
                await unary(ProbeStub(channel).echo, BytesValue())
                assert (server.connections, peer.closed) == (1, 0)
            await server.until_idle()
            assert peer.closed == 1

    run(main())


@each_loop
def test_a_closed_connection_is_gone_without_the_cyclic_collector(run: Run, tmp_path: Path) -> None:
    """After a call that was answered, and with one that was cut."""
    peers: list[weakref.ref[Peer]] = []

    def accept(_: asyncio.Transport) -> Peer:
        peer = Peer()
        peers.append(weakref.ref(peer))
        return peer

    async def main() -> None:
        path, probe = str(tmp_path / "s"), Probe()
        async with Server([probe], UNIX, accepts=accept) as server:
            await server.start(path=path)
            async with Channel(path=path) as channel:
                await unary(ProbeStub(channel).echo, BytesValue())
            async with Channel(path=path) as channel:
                call = asyncio.create_task(unary(ProbeStub(channel).slow, BytesValue()))
                await probe.slow_began.wait()
                call.cancel()
                await asyncio.wait([call])
            await server.until_idle()
            while server.calls:  # noqa: ASYNC110 - their tasks end in a turn or two of the loop
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [one() for one in peers] == [None, None]

    gc.disable()
    try:
        run(main())
    finally:
        gc.enable()


@each_loop
def test_a_peer_that_the_hook_refuses_reads_no_byte(run: Run, tmp_path: Path) -> None:
    def refuse(_: asyncio.Transport) -> None:
        raise PermissionDenied("pid 0: refused")

    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Probe()], UNIX, accepts=refuse) as server:
            await server.start(path=path)
            reader, writer = await asyncio.open_unix_connection(path)
            assert await reader.read() == b""
            writer.close()
            await server.until_idle()
            assert (server.stats.connections, server.stats.refused) == (1, 1)

    run(main())


@each_loop
def test_bound_and_accepted_sockets_are_served(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        bound = socket.socket(socket.AF_INET)
        bound.bind(("127.0.0.1", 0))
        async with Server([Probe()]) as server:
            await server.start(sock=bound)
            async with Channel("127.0.0.1", server.addresses[0][1]) as channel:
                await unary(ProbeStub(channel).echo, BytesValue())
            # An accept loop of the caller's, with a peer that it found out before.
            path, peer = str(tmp_path / "s"), Peer()
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(path)
            listening.listen()
            listening.setblocking(False)
            async with Channel(path=path) as channel:
                call = asyncio.create_task(unary(ProbeStub(channel).echo, BytesValue(value=b"x")))
                accepted, _ = await loop.sock_accept(listening)
                await loop.connect_accepted_socket(lambda: server.protocol(peer), accepted)
                assert (await call).value == b"x"
            await server.until_idle()
            assert peer.closed == 1
            listening.close()

    run(main())


@each_loop
def test_close_ends_calls_and_connections(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path, probe = str(tmp_path / "s"), Probe()
        server = Server([probe], UNIX)
        await server.start(path=path)
        async with Channel(path=path) as channel:
            stub = ProbeStub(channel)
            await unary(stub.echo, BytesValue())
            call = asyncio.create_task(unary(stub.slow, BytesValue()))
            await probe.slow_began.wait()
            await server.close()
            assert (server.calls, server.connections, len(probe.cancelled_after)) == (0, 0, 1)
            with pytest.raises(Unavailable, match="^call /probe[.]Probe/Slow: connection lost$"):
                await call

    run(main())


@each_loop
def test_drain_says_how_many_calls_it_cut(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path, probe = str(tmp_path / "s"), Probe()
        server = Server([probe], UNIX)
        await server.start(path=path)
        async with Channel(path=path) as channel:
            stub = ProbeStub(channel)
            slow = asyncio.create_task(unary(stub.slow, BytesValue()))
            async with stub.hold.open() as hold:
                await hold.send_message(BytesValue(), end=True)
                await asyncio.gather(probe.slow_began.wait(), probe.hold_began.wait())
                draining = asyncio.create_task(server.drain(grace=0.1))
                assert await hold.recv_message() is None  # ends with OK at the first GOAWAY
            assert await draining == 1
            with pytest.raises(Unavailable):
                await slow

    run(main())
