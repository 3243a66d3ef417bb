"""Several connection ages under load, in both roles: no call fails, and nothing is left behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.runtime.grpc import UNIX, Channel, Server, unary
from finial.runtime.tls import FollowingContext, Material
from finial.testing.ca import Issued, TestCa
from finial.testing.go_peer import GoPeer
from finial.testing.loops import Run, each_loop
from finial.testing.probe import Probe, ProbeStub

pytestmark = [pytest.mark.interop, pytest.mark.slow]
SECONDS = 3
SHORT_AGE = 0.3
AGES = 6  # at least so many in SECONDS: a tenth of spread, and what a handshake takes
OURS = TestCa()
SERVER, CLIENT = (OURS.leaf(path, dns=("localhost",)) for path in ("/server", "/client"))


@each_loop
def test_our_server_turns_its_connections_over_under_a_grpc_go_client(run: Run, go_peer: GoPeer) -> None:
    async def main() -> None:
        probe = Probe()
        async with Server([probe], max_age=1.0) as server:
            await server.start("127.0.0.1", 0)
            port = server.addresses[0][1]
            result = await go_peer.call(
                "ages", f"127.0.0.1:{port}", "-seconds", str(SECONDS), "-streams", "4", "-workers", "4"
            )
            assert result["failed"] == 0, result["errors"]
            assert result["connections"] >= 3
            assert result["unary"] > 100
            assert min(result["watches"], result["chats"], result["held_ended_ok"]) > 0
            assert server.stats.drained >= 2
            assert server.stats.refused == 0

    run(main())


class Load:
    """Repeats calls until the time is over; keeps the reasons of those that failed."""

    def __init__(self, channel: Channel) -> None:
        self._stub = ProbeStub(channel)
        self._end = asyncio.get_running_loop().time() + SECONDS
        self.done = {"unary": 0, "watch": 0, "chat": 0}
        self.failed: list[str] = []

    async def run(self) -> None:
        calls: list[tuple[str, Callable[[], Awaitable[None]]]] = [("unary", self.unary)] * 4
        calls += [("watch", self.watcher(count)) for count in (5, 10, 20, 25)]
        calls += [("chat", self.chat)] * 4
        await asyncio.gather(*(self.repeat(name, call) for name, call in calls))

    async def repeat(self, name: str, call: Callable[[], Awaitable[None]]) -> None:
        while asyncio.get_running_loop().time() < self._end:
            try:
                await call()
                self.done[name] += 1
            except Exception as error:
                self.failed.append(f"{name}: {error!r}")

    async def unary(self) -> None:
        await asyncio.sleep(0.002)
        assert (await unary(self._stub.echo, BytesValue(value=b"x"))).value == b"x"

    def watcher(self, count: int) -> Callable[[], Awaitable[None]]:
        async def watch() -> None:
            async with self._stub.watch.open() as stream:
                await stream.send_message(BytesValue(value=bytes([count])), end=True)
                assert len([message async for message in stream]) == count

        return watch

    async def chat(self) -> None:
        async with self._stub.chat.open() as stream:
            for number in range(30):
                await stream.send_message(BytesValue(value=bytes([number])))
                answer = await stream.recv_message()
                assert answer is not None
                assert answer.value == bytes([number])
                await asyncio.sleep(0.05)
            await stream.end()
            assert await stream.recv_message() is None


@each_loop
def test_our_client_follows_a_grpc_go_server_that_turns_connections_over(
    run: Run, go_peer: GoPeer, tmp_path: Path
) -> None:
    async def main() -> None:
        path = tmp_path / "probe.sock"
        async with go_peer.serving(f"unix:{path}", "-age", "1s"), Channel(path=str(path)) as channel:
            load = Load(channel)
            await load.run()
            assert load.failed == []
            assert min(load.done.values()) > 0
            assert channel.dialled >= 3

    run(main())


@each_loop
def test_drain_lets_streams_of_a_grpc_go_client_finish(run: Run, go_peer: GoPeer, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "probe.sock")
        probe = Probe()
        server = Server([probe], UNIX)
        await server.start(path=path)
        arguments = ("-seconds", "1", "-streams", "4", "-workers", "1")
        client = asyncio.ensure_future(go_peer.call("ages", f"unix:{path}", *arguments))
        await asyncio.sleep(1.2)  # the peer starts nothing after 1 s; up to 2.5 s are still under way
        assert await server.drain(grace=10) == 0
        result = await client
        assert result["failed"] == 0, result["errors"]
        assert result["watches"] > 0

    run(main())


def tls(svid: Issued, *, server_side: bool = False) -> FollowingContext:
    material = Material({"example.org": (OURS.der,)}, svid.chain, svid.key)
    return FollowingContext(material, lambda _: None, server_side=server_side)


def pem_files(folder: Path) -> str:
    """For the Go peer, under the names that it expects."""
    OURS.write(folder / "ca.pem")
    SERVER.write(folder, "server")
    CLIENT.write(folder, "client")
    return str(folder)


@each_loop
def test_under_tls_no_call_of_a_grpc_go_client_fails_over_short_ages(
    run: Run, go_peer: GoPeer, tmp_path: Path
) -> None:
    async def main() -> None:
        async with Server([Probe()], max_age=SHORT_AGE) as server:
            await server.start("127.0.0.1", 0, ssl=tls(SERVER, server_side=True))
            port = server.addresses[0][1]
            arguments = (
                "-seconds",
                str(SECONDS),
                "-streams",
                "4",
                "-workers",
                "4",
                "-tls",
                pem_files(tmp_path),
            )
            result = await go_peer.call("ages", f"127.0.0.1:{port}", *arguments)
            assert result["failed"] == 0, result["errors"]
            assert result["connections"] >= AGES
            assert min(result["unary"], result["watches"], result["chats"], result["held_ended_ok"]) > 0
            assert server.stats.refused == 0

    run(main())


@each_loop
def test_under_tls_no_call_of_ours_fails_while_a_grpc_go_server_turns_over(
    run: Run, go_peer: GoPeer, tmp_path: Path
) -> None:
    async def main() -> None:
        port = free_port()
        arguments = ("-age", f"{SHORT_AGE}s", "-tls", pem_files(tmp_path))
        async with (
            go_peer.serving(f"127.0.0.1:{port}", *arguments),
            Channel("127.0.0.1", port, ssl=tls(CLIENT)) as channel,
        ):
            await survives(channel)

    run(main())


@each_loop
def test_under_tls_no_call_between_ours_fails_over_short_ages(run: Run) -> None:
    async def main() -> None:
        async with Server([Probe()], max_age=SHORT_AGE) as server:
            await server.start("127.0.0.1", 0, ssl=tls(SERVER, server_side=True))
            port = server.addresses[0][1]
            async with Channel("127.0.0.1", port, ssl=tls(CLIENT)) as channel:
                await survives(channel)

    run(main())


async def survives(channel: Channel) -> None:
    load = Load(channel)
    await load.run()
    assert load.failed == []
    assert min(load.done.values()) > 0
    assert channel.dialled >= AGES


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
