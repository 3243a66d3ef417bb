"""A peer that keeps no rule: one stream or one connection is refused, the others live, memory stays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, RstStreamFrame

from finial.runtime.grpc import Limits, Server
from finial.testing.loops import Run, each_loop
from finial.testing.probe import Probe
from finial.testing.rogue import Rogue, request

pytestmark = pytest.mark.interop

CHAT = request("/probe.Probe/Chat")
EMPTY = b"\0\0\0\0\0"
LIMITS = Limits(streams=3, resets_per_second=100)
REFUSED, CALM, FRAME_SIZE, PROTOCOL = 7, 11, 6, 1


def attempt(run: Run, act: Callable[[Rogue, Server], Awaitable[None]], limits: Limits = LIMITS) -> None:
    async def main() -> None:
        async with Server([Probe()], limits) as server:
            await server.start("127.0.0.1", 0)
            async with Rogue(server.addresses[0][1]) as rogue:
                await rogue.ping()
                await act(rogue, server)

    run(main())


def ends_with(line: str) -> Callable[[list[str]], bool]:
    return lambda seen: bool(seen) and line in seen[-1]


@each_loop
def test_streams_over_the_limit_are_refused_one_by_one(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        for stream in (1, 3, 5, 7, 9):
            rogue.open(stream, CHAT)
        for stream in (1, 3, 5):
            rogue.data(stream, EMPTY)
        seen = await rogue.until(lambda seen: sum("5 bytes" in line for line in seen) == 3)
        assert [line for line in seen if "reset" in line] == [f"7: reset {REFUSED}", f"9: reset {REFUSED}"]
        # Data for a refused stream may be under way: it ends nothing.
        rogue.data(7, EMPTY)
        rogue.data(1, EMPTY)
        seen = await rogue.until(lambda seen: seen.count("1: 5 bytes") == 2)
        assert "closed" not in seen

    attempt(run, act)


@each_loop
@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (
            b"\0\xff\xff\xff\xff",
            "grpc-status 8 grpc: received message larger than max (4294967295 vs. 4194304)",
        ),
        (b"\1\0\0\0\1x", "grpc-status 13 grpc: compressed flag set with identity or empty encoding"),
        (b"\7\0\0\0\1x", "grpc-status 13 grpc: received unexpected payload format 7"),
        (b"\0\0\0\0\2\xff\xff", "grpc-status 13 grpc: error unmarshalling request"),
    ],
    ids=["4 GiB announced", "compressed, no encoding", "flag 7", "no protobuf"],
)
def test_a_bad_message_ends_its_own_call(run: Run, sent: bytes, answer: str) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, CHAT)
        rogue.data(1, sent)
        seen = await rogue.until(ends_with("1: reset"))
        assert seen == [f"1: {answer}", "1: reset 0"]

    attempt(run, act)


@each_loop
def test_an_end_inside_a_message_is_unexpected(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, CHAT)
        rogue.data(1, b"\0\0\0", end=True)
        assert await rogue.until(bool) == ["1: grpc-status 13 unexpected EOF"]

    attempt(run, act)


@each_loop
def test_an_empty_data_frame_inside_a_message_means_nothing(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, CHAT)
        rogue.data(1, b"\0\0\0\0\2")
        rogue.send(DataFrame(1, data=b""))
        rogue.data(1, b"\x0a\0", end=True)
        assert await rogue.until(ends_with("grpc-status")) == ["1: 5 bytes", "1: grpc-status 0"]

    attempt(run, act)


@each_loop
def test_unknown_frames_and_a_goaway_of_the_client_end_no_call(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, CHAT)
        rogue.writer.write(b"\0\0\x06\xbe\0\0\0\0\0grease")
        rogue.send(GoAwayFrame(0))
        rogue.data(1, EMPTY, end=True)
        assert await rogue.until(ends_with("grpc-status")) == ["1: 5 bytes", "1: grpc-status 0"]

    attempt(run, act)


@each_loop
@pytest.mark.parametrize(
    ("replaced", "answer"),
    [
        (
            {":method": "GET"},
            'grpc-status 13 Received a HEADERS frame with :method "GET" which should be POST',
        ),
        (
            {"content_type": "text/html"},
            'grpc-status 3 invalid gRPC request content-type "text/html"',
        ),
        ({":path": "nowhere"}, 'grpc-status 12 malformed method name: "nowhere"'),
        ({"grpc_timeout": "soon"}, "grpc-status 13 malformed header: Invalid timeout: soon"),
    ],
    ids=["method", "content type", "path", "timeout"],
)
def test_headers_that_are_no_grpc_request_are_answered(
    run: Run, replaced: dict[str, str], answer: str
) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, request("/probe.Probe/Chat", **replaced))
        assert (await rogue.until(bool))[0] == f"1: {answer}"

    attempt(run, act)


@each_loop
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\xff\xff\xff", FRAME_SIZE),
        (b"GET / HTTP/1.1\r\n\r\n" * 20, FRAME_SIZE),
    ],
    ids=["16 MiB frame announced", "HTTP/1.1 after the preface"],
)
def test_a_frame_too_long_is_refused_by_its_length(run: Run, sent: bytes, code: int) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.writer.write(sent)
        assert await rogue.closed() == [f"GOAWAY {code}", "closed"]

    attempt(run, act)


@each_loop
def test_headers_beyond_64_kib_end_the_connection(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, [*CHAT, ("x-big", "a" * 70_000)])
        assert await rogue.closed() == [f"GOAWAY {CALM}", "closed"]

    attempt(run, act)


@each_loop
def test_endless_continuations_end_the_connection(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.send(HeadersFrame(1, data=b"\0" * 100))
        for _ in range(70):
            rogue.writer.write(b"\0\x01\0\x09\0\0\0\0\1" + b"\0" * 256)
        assert await rogue.closed() == [f"GOAWAY {PROTOCOL}", "closed"]

    attempt(run, act)


@each_loop
def test_rapid_reset_ends_the_connection_and_every_call(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        for stream in range(1, 401, 2):
            rogue.open(stream, CHAT)
            rogue.send(RstStreamFrame(stream, error_code=8))
        assert (await rogue.closed())[-2:] == [f"GOAWAY {CALM}", "closed"]
        async with Rogue(server.addresses[0][1]) as honest:
            honest.open(1, CHAT)
            honest.data(1, EMPTY, end=True)
            assert await honest.until(ends_with("grpc-status")) == ["1: 5 bytes", "1: grpc-status 0"]
        assert server.calls == 0

    attempt(run, act)


@each_loop
def test_resets_that_a_peer_provokes_count_as_its_own(run: Run) -> None:
    """Frames for streams that we have reset: each is answered with one more reset (CVE-2025-8671)."""

    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, request("/probe.Probe/Deny"))
        await rogue.until(ends_with("1: reset"))
        for _ in range(200):
            rogue.data(1, b"x")
        assert (await rogue.closed())[-2:] == [f"GOAWAY {CALM}", "closed"]

    attempt(run, act)


@pytest.mark.slow
@each_loop
def test_a_reset_before_the_first_step_leaves_nothing_behind(run: Run) -> None:
    """Request and reset in one segment: the call's task is cancelled before it ran a line."""

    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, CHAT)
        rogue.send(RstStreamFrame(1, error_code=8))
        await rogue.ping()
        rogue.open(3, CHAT)
        rogue.data(3, EMPTY, end=True)
        assert await rogue.until(ends_with("grpc-status")) == ["3: 5 bytes", "3: grpc-status 0"]
        assert server.calls == 0
        # A drained connection closes: none of its streams is thought to be open.
        cut, _ = await asyncio.gather(server.drain(grace=10), rogue.closed())
        assert cut == 0
        assert server.stats.drained == 1

    attempt(run, act)


@each_loop
def test_a_malformed_request_costs_its_own_stream_alone(run: Run) -> None:
    async def act(rogue: Rogue, server: Server) -> None:
        rogue.open(1, [(":method", "GET"), *request("/probe.Probe/Echo")])
        rogue.open(3, [*request("/probe.Probe/Echo"), ("x", "\u00fc")])
        rogue.open(5, CHAT)
        rogue.data(5, EMPTY, end=True)
        seen = await rogue.until(ends_with("grpc-status"))
        assert sorted(seen) == [
            f"1: reset {PROTOCOL}",
            f"3: reset {PROTOCOL}",
            "5: 5 bytes",
            "5: grpc-status 0",
        ]

    attempt(run, act)
