"""Sending: the peer's window is waited for, and a peer that has left is noticed while waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.errors import Unavailable
from finial.runtime.grpc import UNIX, Channel, GRPCError, Limits, Server, Status, unary
from finial.testing.loops import Run, each_loop
from finial.testing.probe import BytesStream, Probe, ProbeStub, received

MIB = 1024 * 1024


@each_loop
def test_a_message_larger_than_every_window_arrives(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Probe()], UNIX) as server, Channel(path=path) as channel:
            await server.start(path=path)
            large = BytesValue(value=b"a" * MIB)
            assert await unary(ProbeStub(channel).echo, large) == large

    run(main())


@each_loop
def test_an_answer_over_our_own_limit_is_refused_by_the_client(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with (
            Server([Probe()], UNIX) as server,
            Channel(path=path, limits=Limits(message=10)) as channel,
        ):
            await server.start(path=path)
            with pytest.raises(GRPCError) as refused:
                await unary(ProbeStub(channel).echo, BytesValue(value=b"a" * 100))
            assert refused.value.status is Status.RESOURCE_EXHAUSTED

    run(main())


class Early(Probe):
    """Answers a chat after one message, whatever else is under way."""

    def __init__(self, error: GRPCError | None) -> None:
        super().__init__()
        self.error = error

    async def chat(self, stream: BytesStream) -> None:
        await stream.send_message(await received(stream))
        if self.error is not None:
            raise self.error


async def pour(stub: ProbeStub) -> None:
    async with stub.chat.open() as stream:
        for _ in range(10_000):
            await stream.send_message(BytesValue(value=b"a" * 10_000))


@each_loop
@pytest.mark.parametrize("status", [None, Status.PERMISSION_DENIED])
def test_a_sender_whose_window_is_used_up_hears_of_the_early_end(
    run: Run, tmp_path: Path, status: Status | None
) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        probe = Early(None if status is None else GRPCError(status, "enough"))
        async with Server([probe], UNIX) as server, Channel(path=path) as channel:
            await server.start(path=path)
            with pytest.raises(Unavailable if status is None else GRPCError) as ended:
                await pour(ProbeStub(channel))
            assert "the peer has ended the call" in str(ended.value) or "enough" in str(ended.value)
            assert (await unary(ProbeStub(channel).echo, BytesValue(value=b"x"))).value == b"x"

    run(main())


@each_loop
def test_an_early_end_with_ok_leaves_the_answer_and_needs_no_end_of_ours(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Early(None)], UNIX) as server, Channel(path=path) as channel:
            await server.start(path=path)
            async with ProbeStub(channel).chat.open() as stream:
                await stream.send_message(BytesValue(value=b"x"))
                answer = await stream.recv_message()
                assert answer is not None
                assert await stream.recv_message() is None
                await asyncio.sleep(0)
                await stream.end()

    run(main())


class Short(Probe):
    """Ends after the beginning of an answer."""

    def __init__(self, begun: bytes) -> None:
        super().__init__()
        self.begun = begun

    async def chat(self, stream: BytesStream) -> None:
        await received(stream)
        await stream.send_initial_metadata()
        await stream._stream.send_data(self.begun)


@each_loop
@pytest.mark.parametrize("begun", [b"\0\0", b"\0\0\0\0\7", b"\0\0\0\0\7abc"], ids=["prefix", "body", "part"])
def test_an_answer_that_ends_inside_a_message_is_an_error_of_the_call(
    run: Run, tmp_path: Path, begun: bytes
) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with Server([Short(begun)], UNIX) as server, Channel(path=path) as channel:
            await server.start(path=path)
            with pytest.raises(GRPCError, match="unexpected EOF") as raised:
                async with ProbeStub(channel).chat.open() as stream:
                    await stream.send_message(BytesValue(value=b"a"), end=True)
                    await stream.recv_message()
            assert raised.value.status is Status.INTERNAL

    run(main())
