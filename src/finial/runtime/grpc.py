"""gRPC for the rest of Finial: the one door to `runtime.http2` and grpclib.

Server: `Server(handlers, limits, interceptor=...)`; a handler is grpclib's, `async def Method(self, stream)`.
It may ask `connection_of(stream)` who calls, answer `send_encoded` bytes, wait on `draining(stream)` beside its own source and return once
it is set, and leave trailing metadata with `add_trailer`.
Client: `Channel`, generated stubs on it, and `unary` for single calls. Transport failures are Unavailable and
DeadlineExceeded; the server's own answer is a GRPCError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

from grpclib.client import ServiceMethod
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError
from grpclib.server import Stream

from finial.errors import Internal
from finial.runtime.http2.call import Call, Interceptor, Judge, OnError, ServerStream, ToStatus
from finial.runtime.http2.channel import Channel, ClientStream
from finial.runtime.http2.codec import Encoded
from finial.runtime.http2.events import StreamRefused
from finial.runtime.http2.limits import TCP, UNIX, Limits
from finial.runtime.http2.outcome import status_of
from finial.runtime.http2.protocol import Accepts
from finial.runtime.http2.server import Servable, Server, Stats
from finial.runtime.http2.stream import Connection

__all__ = [
    "TCP",
    "UNIX",
    "Accepts",
    "Call",
    "Cardinality",
    "Channel",
    "ClientStream",
    "Connection",
    "GRPCError",
    "Handler",
    "Interceptor",
    "Judge",
    "Limits",
    "OnError",
    "Servable",
    "Server",
    "Stats",
    "Status",
    "Stream",
    "StreamRefused",
    "ToStatus",
    "add_trailer",
    "connection_of",
    "draining",
    "judge_messages",
    "send_encoded",
    "status_of",
    "trailers_of",
    "unary",
    "unary_with_trailers",
]

Req = TypeVar("Req")
Res = TypeVar("Res")
Metadata = Mapping[str, str | bytes]


def connection_of(stream: Stream[Any, Any]) -> Connection:
    """Of the call that a handler or interceptor serves: `.peer`, `.ssl_object`, `.remote_address`, `.draining`."""
    connection = stream._stream.connection
    if not isinstance(connection, Connection):
        raise TypeError("not a stream of finial.runtime.grpc.Server")
    return connection


def draining(stream: Stream[Any, Any]) -> asyncio.Event:
    """Set once the call's connection wants to end: a long stream returns then, and its caller opens it anew."""
    return connection_of(stream).draining


def add_trailer(stream: Stream[Any, Any], name: str, value: str | bytes) -> None:
    """Trailing metadata, sent with whatever status the call ends; bytes for a name that ends in "-bin"."""
    if not isinstance(stream, ServerStream):
        raise TypeError("not a stream of finial.runtime.grpc.Server")
    stream.trailers[name] = value


def trailers_of(stream: Stream[Any, Any]) -> Mapping[str, str | bytes]:
    """What `add_trailer` set so far."""
    return stream.trailers if isinstance(stream, ServerStream) else {}


async def send_encoded(stream: Stream[Any, Any], data: bytes) -> None:
    """An answer that is kept as bytes: `data` encodes a message of the method's answer type."""
    if not isinstance(stream, ServerStream):
        raise TypeError("not a stream of finial.runtime.grpc.Server")
    await stream.send_message(Encoded(data))


def judge_messages(stream: Stream[Any, Any], judge: Judge) -> None:
    """For interceptors: `judge` is awaited for each message that comes, before the handler sees it, and ends the
    call by raising."""
    if not isinstance(stream, ServerStream):
        raise TypeError("not a stream of finial.runtime.grpc.Server")
    stream.judge = judge


async def unary(
    method: ServiceMethod[Req, Res],
    message: Req,
    *,
    timeout: float | None = None,
    metadata: Metadata | None = None,
) -> Res:
    """One request, one answer; a call that the server never processed is made once more."""
    answer, _ = await unary_with_trailers(method, message, timeout=timeout, metadata=metadata)
    return answer


async def unary_with_trailers(
    method: ServiceMethod[Req, Res],
    message: Req,
    *,
    timeout: float | None = None,
    metadata: Metadata | None = None,
) -> tuple[Res, Metadata]:
    """`unary`, and the server's trailing metadata."""
    try:
        return await _once(method, message, timeout, metadata)
    except StreamRefused:
        return await _once(method, message, timeout, metadata)


async def _once(
    method: ServiceMethod[Req, Res], message: Req, timeout: float | None, metadata: Metadata | None
) -> tuple[Res, Metadata]:
    async with method.open(timeout=timeout, metadata=metadata) as stream:
        await stream.send_message(message, end=True)
        answer = await stream.recv_message()
        await stream.recv_trailing_metadata()
    if answer is None:
        raise Internal(f"call {method.name}: OK without an answer")
    return answer, dict(stream.trailing_metadata or {})
