"""One connection and one call on it, both roles: budgets are judged before a byte of a body is awaited."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from grpclib import protocol
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.utils import Wrapper
from h2.errors import ErrorCodes
from h2.exceptions import TooManyStreamsError

from finial.runtime.http2.decompress import check_prefix, gunzip
from finial.runtime.http2.frames import Http2
from finial.runtime.http2.limits import Limits

Headers = list[tuple[str, str]]
Address = tuple[str, int] | str | None
UNEXPECTED_END = "unexpected EOF"


class ConnectionDraining(Exception):
    """The connection takes no new stream; the call belongs on the next one."""


class Connection(protocol.Connection):
    """`peer`: what the listener's hook found out about the other side, or None.

    `draining` is what the handler of a long stream waits for, to end with OK and be opened anew.
    """

    _connection: Http2
    _transport: asyncio.Transport

    def __init__(
        self,
        h2: Http2,
        transport: asyncio.Transport,
        *,
        config: Configuration,
        limits: Limits,
        peer: object | None = None,
    ) -> None:
        super().__init__(h2, transport, config=config)
        self.h2 = h2
        self.limits = limits
        self.peer = peer
        self.draining = asyncio.Event()
        self._info = transport.get_extra_info  # kept: `_transport` goes when the connection closes

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self._info("ssl_object")
        return found

    @property
    def remote_address(self) -> Address:
        """(host, port) of a TCP peer; of a Unix peer usually "", since clients do not bind."""
        found: Address = self._info("peername")
        return found

    @property
    def client_side(self) -> bool:
        return bool(self.h2.config.client_side)

    def create_stream(self, *, stream_id: int | None = None, wrapper: Wrapper | None = None) -> Stream:
        """Raises: ConnectionDraining for a call of ours on a connection that was lost since it was dialled."""
        if stream_id is None and self.is_closing():
            raise ConnectionDraining
        return Stream(self, self.h2, self._transport, stream_id=stream_id, wrapper=wrapper)

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.is_closing():
            self._transport.write(data)

    def unread(self) -> int:
        """Bytes written that the peer has not taken."""
        return 0 if self.is_closing() else self._transport.get_write_buffer_size()


class Stream(protocol.Stream):
    """`encoding`: the peer's grpc-encoding; `ended`: it has sent its last frame; `cancelled`: it gave up."""

    connection: Connection
    _h2_connection: Http2
    encoding = ""
    ended = False
    cancelled = False
    _in_body = False
    _body: bytes | None = None  # decompressed, kept for the second call

    def __ended__(self) -> None:
        self.ended = True
        super().__ended__()

    async def recv_data(self, size: int) -> bytes:
        # grpclib asks for the prefix and for the body in turn, one call each.
        if self._in_body:
            self._in_body = False
            body, self._body = self._body, None
            return body if body is not None else await self._read_body(size)
        prefix = await self._read(size)
        if not prefix:
            return prefix
        limits = self.connection.limits
        length = check_prefix(
            prefix, limits.message, self.encoding, server_side=not self.connection.client_side
        )
        self._in_body = True
        if not prefix[0]:
            return prefix
        self._body = gunzip(await self._read_body(length), limits.message)
        return b"\0" + len(self._body).to_bytes(4, "big")

    async def _read_body(self, size: int) -> bytes:
        body = await self._read(size)
        if len(body) < size:  # nothing at all came after the prefix
            raise GRPCError(Status.INTERNAL, UNEXPECTED_END)
        return body

    async def _read(self, size: int) -> bytes:
        try:
            return await super().recv_data(size)
        except AssertionError as error:  # grpclib's word for a stream that ended inside a message
            raise GRPCError(Status.INTERNAL, UNEXPECTED_END) from error

    async def send_request(
        self, headers: Headers, end_stream: bool = False, *, _processor: protocol.EventsProcessor
    ) -> Callable[[], None]:
        """Raises `ConnectionDraining` instead of opening a stream on a connection that is being left."""
        connection = self.connection
        while True:
            await connection.write_ready.wait()
            if connection.draining.is_set():
                raise ConnectionDraining
            if connection.is_closing():
                raise StreamTerminatedError("connection closed")
            stream_id = self._h2_connection.get_next_available_stream_id()
            try:
                self._h2_connection.send_headers(stream_id, headers, end_stream=end_stream)
            except TooManyStreamsError:
                connection.stream_close_waiter.clear()
                await connection.stream_close_waiter.wait()
                continue
            self.init_stream(stream_id, connection)
            release = _processor.register(self)
            connection.flush()
            connection.headers_send_process()
            return release

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Waits for the peer's window, frame by frame; raises StreamTerminatedError once the peer has left."""
        stream_id = self._id()
        view, at = memoryview(data), 0
        while True:
            await self.connection.write_ready.wait()
            if stream_id not in self._h2_connection.streams or not self.closable:
                raise StreamTerminatedError("the peer has ended the call")
            window = self._h2_connection.local_flow_control_window(stream_id)
            if window <= 0 and data:
                self.window_updated.clear()
                await self.window_updated.wait()
                continue
            size = min(window, self._h2_connection.max_outbound_frame_size, len(data) - at)
            last = at + size == len(data)
            self._h2_connection.send_data(
                stream_id, view[at : at + size].tobytes(), end_stream=end_stream and last
            )
            self.connection.flush()
            self.connection.data_send_process()
            at += size
            if last:
                return

    async def end(self) -> None:
        """Our side's end; nothing is left to end once the peer has answered in full and reset the rest."""
        await self.connection.write_ready.wait()
        if not self.ended or self.closable:
            await super().end()

    def reset_nowait(self, error_code: ErrorCodes | None = None) -> None:
        """Without a code: CANCEL from a client, NO_ERROR (the answer is complete) from a server."""
        if error_code is None:
            error_code = ErrorCodes.CANCEL if self.connection.client_side else ErrorCodes.NO_ERROR
        super().reset_nowait(error_code)

    def _id(self) -> int:
        if self.id is None:
            raise StreamTerminatedError("no request was sent")
        return self.id
