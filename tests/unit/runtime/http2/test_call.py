"""Outcomes of a call: kinds by the given table, surprises reported and told nothing, deadlines kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.errors import FinialError, PermissionDenied
from finial.runtime.grpc import (
    UNIX,
    Channel,
    GRPCError,
    Server,
    Status,
    ToStatus,
    judge_messages,
    status_of,
    unary,
)
from finial.testing.probe import BytesStream, Probe, ProbeStub

Act = Callable[[BytesStream], Awaitable[None]]


class Acting(Probe):
    def __init__(self, act: Act) -> None:
        super().__init__()
        self.echo = act  # type: ignore[method-assign,assignment]


def outcome(
    path: Path, act: Act, to_status: ToStatus = status_of, **options: Any
) -> tuple[BaseException, list[tuple[str, str]]]:
    """What the client gets of a call that `act` handles, and what was reported."""
    reports: list[tuple[str, str]] = []

    async def main() -> BaseException:
        server = Server(
            [Acting(act)],
            UNIX,
            to_status=to_status,
            on_error=lambda path, error: reports.append((path, repr(error))),
        )
        async with server, Channel(path=str(path / "s")) as channel:
            await server.start(path=str(path / "s"))
            with pytest.raises((GRPCError, FinialError)) as raised:
                await unary(ProbeStub(channel).echo, BytesValue(), **options)
            return raised.value

    return asyncio.run(main()), reports


def test_a_kind_goes_through_the_given_table(tmp_path: Path) -> None:
    async def act(_: BytesStream) -> None:
        raise PermissionDenied("agent is banned")

    def table(error: BaseException) -> GRPCError:
        return GRPCError(Status.ABORTED, f"mapped: {error}")

    error, reports = outcome(tmp_path, act, table)
    assert isinstance(error, GRPCError)
    assert (error.status, error.message, reports) == (Status.ABORTED, "mapped: agent is banned", [])


@pytest.mark.parametrize("surprise", [KeyError("secret"), TimeoutError("secret"), OSError("secret")])
def test_a_surprise_is_reported_and_answered_without_detail(tmp_path: Path, surprise: Exception) -> None:
    async def act(_: BytesStream) -> None:
        raise surprise

    error, reports = outcome(tmp_path, act)
    assert isinstance(error, GRPCError)
    assert (error.status, error.message) == (Status.INTERNAL, "internal error")
    assert reports == [("/probe.Probe/Echo", repr(surprise))]


def test_a_handler_that_forgets_its_answer_is_reported(tmp_path: Path) -> None:
    async def act(_: BytesStream) -> None:
        return None

    error, reports = outcome(tmp_path, act)
    assert isinstance(error, GRPCError)
    assert error.status is Status.INTERNAL
    assert "handler returned without an answer" in reports[0][1]


def test_a_deadline_cancels_the_handler(tmp_path: Path) -> None:
    ended = []

    async def act(_: BytesStream) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    error, reports = outcome(tmp_path, act, timeout=0.05)
    assert "deadline exceeded" in str(error)
    assert (ended, reports) == ([True], [])


def test_a_call_whose_request_does_not_come_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finial.runtime.http2.call.ARRIVAL", 0.05)

    async def act(stream: BytesStream) -> None:
        await stream.recv_message()

    async def main() -> None:
        async with Server([Acting(act)], UNIX) as server, Channel(path=str(tmp_path / "s")) as channel:
            await server.start(path=str(tmp_path / "s"))
            with pytest.raises(GRPCError, match=r"no request within 0\.05 s"):
                async with ProbeStub(channel).echo.open() as stream:
                    await stream.send_request()
                    await stream.recv_message()

    asyncio.run(main())


def test_each_message_is_judged_before_the_handler_sees_it(tmp_path: Path) -> None:
    seen: list[bytes] = []
    verdicts = [None, PermissionDenied("no longer")]

    async def judge() -> None:
        verdict = verdicts.pop(0)
        if verdict is not None:
            raise verdict

    class Judged(Probe):
        async def chat(self, stream: BytesStream) -> None:
            judge_messages(stream, judge)
            async for message in stream:
                seen.append(message.value)

    async def main() -> None:
        async with Server([Judged()], UNIX) as server, Channel(path=str(tmp_path / "s")) as channel:
            await server.start(path=str(tmp_path / "s"))
            with pytest.raises(GRPCError, match="no longer"):
                async with ProbeStub(channel).chat.open() as stream:
                    await stream.send_message(BytesValue(value=b"1"))
                    await stream.send_message(BytesValue(value=b"2"))
                    await stream.end()
                    await stream.recv_message()

    asyncio.run(main())
    assert seen == [b"1"]
