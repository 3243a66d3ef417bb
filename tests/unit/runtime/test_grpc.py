"""The door to gRPC: what handlers may ask of their call, and single calls that are made once more if refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from finial.errors import Internal, NotFound
from finial.runtime.grpc import (
    UNIX,
    Call,
    Cardinality,
    Channel,
    GRPCError,
    Handler,
    Server,
    Status,
    Stream,
    StreamRefused,
    add_trailer,
    connection_of,
    draining,
    send_encoded,
    unary,
    unary_with_trailers,
)
from finial.testing.loops import Run, each_loop
from finial.testing.probe import BytesStream, Probe, ProbeStub, received


class Asking(Probe):
    """Answers what it learns of its caller, and leaves a trailer."""

    async def echo(self, stream: BytesStream) -> None:
        connection = connection_of(stream)
        await received(stream)
        add_trailer(stream, "finial-position-bin", b"\1\2")
        assert draining(stream) is connection.draining
        assert connection.ssl_object is None
        await send_encoded(stream, BytesValue(value=str(connection.peer).encode()).SerializeToString())


@each_loop
def test_a_handler_learns_of_its_peer_and_leaves_trailers(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        async with (
            Server([Asking()], UNIX, accepts=lambda _: "pid 7") as server,
            Channel(path=path) as channel,
        ):
            await server.start(path=path)
            answer, trailers = await unary_with_trailers(ProbeStub(channel).echo, BytesValue())
            assert answer.value == b"pid 7"
            assert trailers == {"finial-position-bin": b"\1\2"}

    run(main())


def test_an_interceptor_sees_each_call_before_its_handler(tmp_path: Path) -> None:
    seen: list[str] = []

    async def gate(stream: Stream[Any, Any], path: str, call: Call) -> None:
        seen.append(path)
        assert stream.metadata is not None
        if "let-me-in" not in stream.metadata:
            add_trailer(stream, "why", "no key")
            raise NotFound("nothing here")
        await call()
        seen.append("done")

    async def main() -> None:
        path, probe = str(tmp_path / "s"), Probe()
        async with Server([probe], UNIX, interceptor=gate) as server, Channel(path=path) as channel:
            await server.start(path=path)
            stub = ProbeStub(channel)
            with pytest.raises(GRPCError) as refused:
                await unary(stub.echo, BytesValue())
            assert (refused.value.status, refused.value.message) == (Status.NOT_FOUND, "nothing here")
            assert probe.echoes == 0
            await unary(stub.echo, BytesValue(), metadata={"let-me-in": "yes"})
            assert probe.echoes == 1
            assert seen == ["/probe.Probe/Echo", "/probe.Probe/Echo", "done"]

    asyncio.run(main())


class Refusing:
    """A method that refuses its first calls as a server does after its GOAWAY."""

    def __init__(self, times: int) -> None:
        self.left, self.made = times, 0
        self.name = "/a.B/C"

    def open(self, **_: Any) -> Refusing:
        self.made += 1
        return self

    async def __aenter__(self) -> Refusing:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def send_message(self, _: object, *, end: bool) -> None:
        assert end
        self.left -= 1
        if self.left >= 0:
            raise StreamRefused("call not processed")

    async def recv_message(self) -> BytesValue | None:
        return BytesValue(value=b"yes") if self.left > -9 else None

    async def recv_trailing_metadata(self) -> None: ...

    trailing_metadata = None


def test_a_refused_call_is_made_once_more() -> None:
    async def main() -> None:
        once: Any = Refusing(1)
        assert (await unary(once, BytesValue())).value == b"yes"
        assert once.made == 2
        twice: Any = Refusing(2)
        with pytest.raises(StreamRefused):
            await unary(twice, BytesValue())
        assert twice.made == 2
        empty: Any = Refusing(-9)
        with pytest.raises(Internal, match="call /a.B/C: OK without an answer"):
            await unary(empty, BytesValue())

    asyncio.run(main())


def test_foreign_streams_are_refused() -> None:
    class Foreign:
        class _stream:
            connection = object()

    stream: Any = Foreign()
    with pytest.raises(TypeError):
        connection_of(stream)
    with pytest.raises(TypeError):
        add_trailer(stream, "a", "b")


def test_handlers_are_grpclibs() -> None:
    assert (
        Handler(None, Cardinality.UNARY_UNARY, BytesValue, BytesValue).cardinality is Cardinality.UNARY_UNARY
    )
