"""HTTP/2 and gRPC as they come from a socket, to a server and to a client."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Iterable
from typing import Any

from google.protobuf.wrappers_pb2 import BytesValue
from grpclib.exceptions import GRPCError
from hpack import Encoder
from hyperframe.frame import (
    DataFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from tests.fuzz.mutate.blind import mutated
from tests.fuzz.target import target

from finial.errors import FinialError
from finial.runtime.grpc import Cardinality, Channel, Handler, Limits, Server, Stream, unary
from finial.runtime.http2.protocol import Protocol
from finial.testing.probe import ProbeStub
from finial.testing.rogue import PREFACE, request

LIMITS = Limits(message=4096, header_list=4096, streams=8, unread=1 << 14, resets_per_second=16)
HEAD = 9
TURNS = 12  # of the loop, between one piece of input and the next
MOST_SAID = 1 << 17  # bytes that we answer to a few kilobytes


class Wire(asyncio.Transport):
    """A connection without a socket: what is written is counted, and the other end never reads."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def get_write_buffer_size(self) -> int:
        return self.written

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Service:
    """One call, and one stream that answers until the other side is done."""

    async def echo(self, stream: Stream[BytesValue, BytesValue]) -> None:
        message = await stream.recv_message()
        assert message is not None
        await stream.send_message(message)

    async def chat(self, stream: Stream[BytesValue, BytesValue]) -> None:
        async for message in stream:
            await stream.send_message(message)

    def __mapping__(self) -> dict[str, Handler]:
        return {
            "/probe.Probe/Echo": Handler(self.echo, Cardinality.UNARY_UNARY, BytesValue, BytesValue),
            "/probe.Probe/Chat": Handler(self.chat, Cardinality.STREAM_STREAM, BytesValue, BytesValue),
        }


async def feed(made: Protocol, wire: Wire, data: bytes, *, drained: bool = False) -> None:
    """In three pieces, then the end of the connection. `drained`: we say goodbye after the first."""
    third = len(data) // 3 + 1
    try:
        for at in range(0, len(data), third):
            if wire.closed:
                break
            if drained and at:
                made.drain()
            made.data_received(data[at : at + third])
            for _ in range(TURNS):
                await asyncio.sleep(0)
    finally:
        made.connection_lost(None)
    assert wire.written < MOST_SAID


def faults_of_loop(loop: asyncio.AbstractEventLoop) -> list[str]:
    faults: list[str] = []
    loop.set_exception_handler(lambda _, context: faults.append(str(context)))
    return faults


async def serve(data: bytes, *, drained: bool = False) -> None:
    faults = faults_of_loop(asyncio.get_running_loop())
    reported: list[BaseException] = []
    async with Server([Service()], LIMITS, on_error=lambda _, error: reported.append(error)) as server:
        made, wire = server.protocol(), Wire()
        made.connection_made(wire)
        await feed(made, wire, data, drained=drained)
    assert (server.connections, server.calls) == (0, 0)
    if reported:
        raise reported[0]
    assert not faults, faults


def headers(stream: int, path: str = "/probe.Probe/Echo", *, end: bool = False, **extra: str) -> bytes:
    frame = HeadersFrame(stream, data=Encoder().encode(request(path, **extra)), flags=["END_HEADERS"])
    if end:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def data_frame(stream: int, body: bytes, *, end: bool = True, flag: int = 0) -> bytes:
    """`flag` 1: compressed."""
    prefix = bytes([flag]) + len(body).to_bytes(4, "big")
    return DataFrame(stream, data=prefix + body, flags=["END_STREAM"] if end else []).serialize()


def reset(stream: int) -> bytes:
    return RstStreamFrame(stream, error_code=8).serialize()


MESSAGE = BytesValue(value=b"hello").SerializeToString()
SETTINGS = SettingsFrame(0, settings={4: 65535, 3: 100}).serialize()
PIECES = (
    SETTINGS, SettingsFrame(0, flags=["ACK"]).serialize(), PingFrame(0, opaque_data=b"12345678").serialize(),
    WindowUpdateFrame(0, window_increment=1000).serialize(), WindowUpdateFrame(1, window_increment=7).serialize(),
    reset(1), headers(1), headers(3, "/probe.Probe/Chat"), headers(5, "/x.Y/Z", end=True),
    headers(7, grpc_timeout="1n"), headers(7, grpc_encoding="gzip"), data_frame(1, MESSAGE), data_frame(3, MESSAGE, end=False),
    data_frame(3, b"", end=True), bytes.fromhex("000008 07 00 00000000 00000000 00000000"),
    bytes.fromhex("000000 09 04 00000001"), bytes.fromhex("000005 02 00 00000001 00000003 10"), bytes.fromhex("000002 2a 00 00000000 abcd"),
)  # fmt: skip


def frames_of(data: bytes) -> list[bytes]:
    """By their own lengths; what is left over is the last."""
    found, at = [], 0
    while at < len(data):
        size = HEAD + int.from_bytes(data[at : at + 3], "big")
        found.append(data[at : at + size])
        at += size
    return found


def by_frames(data: bytes, rng: random.Random) -> bytes:
    """Frames put in, taken out, swapped, and changed in type, flags, stream or body; lengths stay right."""
    frames = frames_of(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randint(0, len(frames))
        chance = rng.random()
        if chance < 0.35 or at == len(frames):
            frames.insert(at, rng.choice(PIECES))
        elif chance < 0.45:
            del frames[at]
        elif chance < 0.55:
            frames.insert(rng.randint(0, len(frames)), frames[at])
        else:
            frames[at] = changed(frames[at], rng)
    return b"".join(frames)


def changed(frame: bytes, rng: random.Random) -> bytes:
    if len(frame) < HEAD:
        return frame
    head, body = bytearray(frame[:HEAD]), frame[HEAD:]
    match rng.randrange(4):
        case 0:
            head[3] = rng.choice((*range(11), 255))
        case 1:
            head[4] ^= rng.choice((0x1, 0x4, 0x8, 0x20, 0xFF))
        case 2:
            head[5:9] = rng.choice((0, 1, 2, 3, 5, 7, 2**31 - 1, 2**32 - 1)).to_bytes(4, "big")
        case 3:
            body = mutated(body, (), (b"\x3f\xe1\x1f", b"\x20"), rng)
    return len(body).to_bytes(3, "big") + bytes(head[3:]) + body


def conversations() -> Iterable[bytes]:
    yield SETTINGS + headers(1) + data_frame(1, MESSAGE)
    yield (
        SETTINGS
        + headers(1, "/probe.Probe/Chat")
        + data_frame(1, MESSAGE, end=False)
        + data_frame(1, b"", end=True)
    )
    yield b"".join(PIECES)
    yield SETTINGS + headers(1, grpc_encoding="gzip") + data_frame(1, gzip.compress(MESSAGE), flag=1)
    yield SETTINGS + b"".join(headers(stream, "/probe.Probe/Chat") for stream in range(1, 23, 2))
    yield SETTINGS + b"".join(headers(2 * one + 1) + reset(2 * one + 1) for one in range(20))
    yield SETTINGS + PIECES[2] * 1200


@target("http2-start", reads=("runtime/http2/protocol.py",), made=lambda: (PREFACE + one for one in conversations()),
        words=(b"PRI * HTTP/2.0\r\n\r\n", b"SM\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"), errors=())  # fmt: skip
def begin(data: bytes) -> None:
    """Any bytes on a fresh connection."""
    asyncio.run(serve(data))


@target(
    "http2-server",
    reads=(
        "runtime/http2/protocol.py",
        "runtime/http2/frames.py",
        "runtime/http2/call.py",
        "runtime/http2/refusal.py",
    ),
    made=conversations,
    words=PIECES,
    mutate=by_frames,
    errors=(),
    longest=1 << 15,
)
def answer(data: bytes) -> None:
    """Frames after a client's preface."""
    asyncio.run(serve(PREFACE + data))


@target("http2-drain", reads=("runtime/http2/protocol.py", "runtime/http2/events.py"), made=conversations, words=PIECES,
        mutate=by_frames, errors=(), longest=1 << 15)  # fmt: skip
def answer_and_leave(data: bytes) -> None:
    """The same, on a connection that the server is about to close."""
    asyncio.run(serve(PREFACE + data, drained=True))


async def call(data: bytes) -> None:
    faults = faults_of_loop(asyncio.get_running_loop())
    async with Channel(path="/nowhere", limits=LIMITS) as channel:
        made, wire = channel._protocol_factory(), Wire()
        made.connection_made(wire)
        channel._protocol = made
        stub = ProbeStub(channel)
        calls = [
            asyncio.ensure_future(unary(stub.echo, BytesValue(value=b"x"))),
            asyncio.ensure_future(chat(stub)),
        ]
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await feed(made, wire, data)
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, FinialError | GRPCError):
                raise result
    assert not faults, faults


async def chat(stub: ProbeStub) -> None:
    async with stub.chat.open() as stream:
        await stream.send_message(BytesValue(value=b"y"))
        await stream.recv_message()
        await stream.end()


def reply(stream: int, *, status: str | None = None) -> bytes:
    fields = (
        [("grpc-status", status)] if status else [(":status", "200"), ("content-type", "application/grpc")]
    )
    frame = HeadersFrame(stream, data=Encoder().encode(fields), flags=["END_HEADERS"])
    if status:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def replies() -> Iterable[bytes]:
    yield SETTINGS + reply(1) + data_frame(1, MESSAGE, end=False) + reply(1, status="0")
    yield SETTINGS + reply(3) + data_frame(3, MESSAGE, end=False) + reply(3, status="0") + PIECES[5]
    yield SETTINGS + PIECES[14] + reply(1, status="7")


@target(
    "http2-client",
    reads=("runtime/http2/channel.py", "runtime/http2/events.py", "runtime/http2/stream.py"),
    made=replies,
    words=(*PIECES, reply(1), reply(1, status="0"), reply(3), reply(3, status="14")),
    mutate=by_frames,
    errors=(),
)
def ask(data: bytes) -> None:
    """What a server sends to two calls under way."""
    asyncio.run(call(data))
