"""The channel's connections: one dial for all who wait, quick refusals, a new one after `renew` or GOAWAY."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.errors import DeadlineExceeded, Unavailable
from finial.runtime.grpc import UNIX, Channel, Server, unary
from finial.runtime.http2.protocol import Protocol
from finial.testing.loops import Run, each_loop
from finial.testing.probe import Probe, ProbeStub


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@each_loop
def test_a_refused_connection_is_unavailable_at_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        async with Channel("127.0.0.1", port) as channel:
            with pytest.raises(Unavailable, match=f'^connect to "127.0.0.1:{port}": connection refused$'):
                await unary(ProbeStub(channel).echo, BytesValue())
        async with Channel(path=str(tmp_path / "none")) as channel:
            with pytest.raises(Unavailable, match="no such file or directory"):
                await unary(ProbeStub(channel).echo, BytesValue())

    run(main())


@each_loop
def test_a_server_that_says_nothing_is_given_up_on(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(path)
            silent.listen()
            async with Channel(path=path) as channel:
                with pytest.raises(DeadlineExceeded):
                    await unary(ProbeStub(channel).echo, BytesValue(), timeout=0.05)

    run(main())


@each_loop
def test_all_who_wait_share_one_dial(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Probe()], UNIX) as server, Channel(path=path) as channel:
            await server.start(path=path)
            stub = ProbeStub(channel)
            await asyncio.gather(*(unary(stub.echo, BytesValue()) for _ in range(20)))
            assert (channel.dialled, server.connections) == (1, 1)

    run(main())


@each_loop
def test_renew_leaves_calls_where_they_are_and_dials_for_the_next(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Probe()], UNIX) as server, Channel(path=path) as channel:
            await server.start(path=path)
            stub = ProbeStub(channel)
            async with stub.chat.open() as chat:
                await chat.send_message(BytesValue(value=b"1"))
                await chat.recv_message()
                channel.renew()
                await unary(stub.echo, BytesValue())
                assert server.connections == 2
                await chat.send_message(BytesValue(value=b"2"))
                answer = await chat.recv_message()
                assert answer is not None
                assert answer.value == b"2"
                await chat.end()
            async with asyncio.timeout(5):
                while server.connections > 1:  # noqa: ASYNC110 - no event for one of two
                    await asyncio.sleep(0)
            assert channel.dialled == 2

    run(main())


@each_loop
def test_a_lost_connection_is_dialled_anew_by_the_next_call(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "s"
        async with Channel(path=str(path)) as channel:
            stub = ProbeStub(channel)
            for _ in range(2):
                async with Server([Probe()], UNIX) as server:
                    await server.start(path=str(path))
                    await unary(stub.echo, BytesValue())
                path.unlink(missing_ok=True)
                with pytest.raises(Unavailable):
                    await unary(stub.echo, BytesValue())

    run(main())


def test_a_closed_channel_dials_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        channel = Channel(path=str(tmp_path / "s"))
        await channel.aclose()
        with pytest.raises(Unavailable, match="channel is closed"):
            await unary(ProbeStub(channel).echo, BytesValue())

    asyncio.run(main())


class LosesTheFirst(Channel):
    """Its first connection ends after it was dialled and before the call that waited for it goes on."""

    async def __connect__(self) -> Protocol:
        made = await super().__connect__()
        if self.dialled == 1:
            made.processor.close()
        return made


@each_loop
def test_a_connection_that_is_lost_before_its_first_call_is_dialled_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Probe()], UNIX) as server, LosesTheFirst(path=path) as channel:
            await server.start(path=path)
            await unary(ProbeStub(channel).echo, BytesValue())
            assert channel.dialled == 2

    run(main())
