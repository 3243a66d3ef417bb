"""One call at the server: headers checked, deadline set, interceptor and handler run, outcome answered.

Nothing that a handler raises goes unanswered: a GRPCError as it is, a FinialError through `to_status`, the rest
as Internal without a word of detail, after it was reported. A call that its peer ends is cancelled and gets no
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError
from grpclib import server
from grpclib.const import Handler, Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.encoding.proto import ProtoStatusDetailsCodec
from grpclib.events import _DispatchServerEvents
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.metadata import Deadline, decode_metadata
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError as Http2Error

from finial.errors import FinialError
from finial.runtime.http2.codec import Codec
from finial.runtime.http2.outcome import status_of
from finial.runtime.http2.refusal import malformed, refuse, unfit
from finial.runtime.http2.stream import Headers, Stream

Call = Callable[[], Awaitable[None]]
Interceptor = Callable[[server.Stream[Any, Any], str, Call], Awaitable[None]]
"""`interceptor(stream, path, call)` awaits `call()` once, or raises before it: authorization, rate, audit."""
ToStatus = Callable[[BaseException], GRPCError]
OnError = Callable[[str, BaseException], None]
Judge = Callable[[], Awaitable[object]]

ARRIVAL = 30.0
"""Seconds in which the first message of a call has to come: an honest client sends it with its headers."""


class ServerStream(server.Stream[Any, Any]):
    """grpclib's, with trailing metadata to fill. `trailers` go out with the status, also with a failing one.

    `judge` is asked when a message has come, before the handler sees it: between the headers of a call and its
    messages any time may pass, and the right to call with it.
    """

    _stream: Stream
    judge: Judge | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.trailers: dict[str, str | bytes] = {}

    @property
    def _content_type(self) -> str:
        return "application/grpc"  # as grpc-go answers; grpclib says +proto

    async def recv_message(self) -> Any:
        message = await (self._receive() if self._messages_received or self._stream.ended else self._first())
        if message is not None and self.judge is not None:
            await self.judge()
        return message

    async def _first(self) -> Any:
        try:
            async with asyncio.timeout(ARRIVAL):
                return await self._receive()
        except TimeoutError:
            raise GRPCError(Status.DEADLINE_EXCEEDED, f"no request within {ARRIVAL:g} s") from None

    async def _receive(self) -> Any:
        try:
            message = await super().recv_message()
        except DecodeError as error:
            raise GRPCError(Status.INTERNAL, "grpc: error unmarshalling request") from error
        if message is None and not self._cardinality.client_streaming and not self._messages_received:
            raise GRPCError(
                Status.INTERNAL,
                "cardinality violation: received no request message from non-client-streaming RPC",
            )
        return message

    @property
    def unanswered(self) -> bool:
        return not (
            self._send_trailing_metadata_done or self._cancel_done or self._stream.connection.is_closing()
        )

    @property
    def lacks_message(self) -> bool:
        """OK of a call with one answer needs that answer."""
        return not self._cardinality.server_streaming and not self._send_message_done

    async def finish(self, error: GRPCError | None) -> None:
        """Trailers, and an end to the peer's sending where it still could."""
        try:
            await self.send_trailing_metadata(
                status=Status.OK if error is None else error.status,
                status_message=None if error is None else error.message,
                status_details=None if error is None else error.details,
                metadata=self.trailers,
            )
            if self._stream.closable:
                self._stream.reset_nowait()
        except Http2Error:
            pass  # the peer has gone meanwhile


@dataclass(frozen=True, slots=True)
class Service:
    """What all calls of one server share."""

    methods: Mapping[str, Handler]
    on_error: OnError
    interceptor: Interceptor | None = None
    to_status: ToStatus = status_of
    codec: Codec = field(default_factory=Codec)
    details_codec: StatusDetailsCodecBase = field(default_factory=ProtoStatusDetailsCodec)
    dispatch: _DispatchServerEvents = field(default_factory=_DispatchServerEvents)

    async def answer(self, raw: Stream, headers: Headers) -> None:
        """The whole of one call; cancelled when the peer resets it or its connection ends."""
        fields = dict(headers)
        if malformed(headers, fields):
            raw.reset_nowait(ErrorCodes.PROTOCOL_ERROR)
            return
        raw.encoding = fields.get("grpc-encoding", "")
        refusal = unfit(fields, self.methods)
        if refusal is not None:
            await refuse(raw, refusal)
            return
        path = fields[":path"]
        try:
            stream = self._stream(raw, path, headers, fields)
        except ValueError as error:  # a grpc-timeout or -bin field that cannot be read
            await refuse(raw, GRPCError(Status.INTERNAL, f"malformed header: {error}"))
            return
        outcome = await self._run(stream, path)
        if outcome is None and stream.lacks_message and stream.unanswered:
            outcome = self._unexpected(path, RuntimeError("handler returned without an answer"))
        if stream.unanswered:
            await stream.finish(outcome)

    def _stream(self, raw: Stream, path: str, headers: Headers, fields: dict[str, str]) -> ServerStream:
        method = self.methods[path]
        stream = ServerStream(
            raw,
            path,
            method.cardinality,
            method.request_type,
            method.reply_type,
            codec=self.codec,
            status_details_codec=self.details_codec,
            dispatch=self.dispatch,
            deadline=Deadline.from_headers(headers) if "grpc-timeout" in fields else None,
            user_agent=fields.get("user-agent"),
        )
        stream.metadata = decode_metadata(headers)
        return stream

    async def _run(self, stream: ServerStream, path: str) -> GRPCError | None:
        call: Call = partial(self.methods[path].func, stream)
        timer = asyncio.timeout(None if stream.deadline is None else stream.deadline.time_remaining())
        try:
            async with timer:
                await (call() if self.interceptor is None else self.interceptor(stream, path, call))
        except GRPCError as error:
            return error
        except FinialError as error:
            return self.to_status(error)
        except (StreamTerminatedError, Http2Error) as error:
            return GRPCError(Status.CANCELLED, str(error))  # the peer left while we were sending
        except TimeoutError as error:
            if timer.expired():
                return GRPCError(Status.DEADLINE_EXCEEDED, "context deadline exceeded")
            return self._unexpected(path, error)
        except Exception as error:
            return self._unexpected(path, error)
        finally:
            del (
                timer
            )  # it, a task that was cancelled and this frame would hold each other, and the connection
        return None

    def _unexpected(self, path: str, error: Exception) -> GRPCError:
        self.on_error(path, error)
        return status_of(error)
