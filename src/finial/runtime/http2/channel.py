"""A client's channel over a sequence of connections: calls under way stay where they began.

On GOAWAY the next connection is dialled at once and the old one is left to its streams. Whatever the transport
raises reaches the caller as `Unavailable` or `DeadlineExceeded`; what the server answers, as GRPCError.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from google.protobuf.message import DecodeError
from grpclib import client
from grpclib.const import Cardinality, Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import GRPCError
from grpclib.metadata import Deadline

from finial.errors import Unavailable
from finial.runtime.http2.limits import TCP, UNIX, Limits
from finial.runtime.http2.outcome import TRANSPORT_ERRORS, reason_of, transport_error
from finial.runtime.http2.protocol import Protocol
from finial.runtime.http2.stream import ConnectionDraining, Stream
from finial.runtime.tasks import Tasks

CONNECT_TIMEOUT = 20.0
MOST_CONNECTIONS = 5
"""Connections in a row that may be drained before a call got onto one of them."""
ROUNDED = 1.0
"""grpc-timeout is sent in whole seconds or milliseconds, rounded down: the server may give up that early."""

Req = TypeVar("Req")
Res = TypeVar("Res")


class ClientStream(client.Stream[Req, Res], Generic[Req, Res]):
    _channel: Channel
    _stream: Stream

    async def __aenter__(self) -> ClientStream[Req, Res]:
        try:
            await super().__aenter__()
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error
        return self

    async def send_request(self, *, end: bool = False) -> None:
        for _ in range(MOST_CONNECTIONS):
            try:
                await super().send_request(end=end)
            except ConnectionDraining:
                continue  # __connect__ gives the next connection
            except TRANSPORT_ERRORS as error:
                raise self._outward(error) from error
            return
        raise Unavailable(f"{self._what}: every connection is being closed")

    async def send_message(self, message: Req, *, end: bool = False) -> None:
        try:
            await super().send_message(message, end=end)
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error

    async def end(self) -> None:
        try:
            await super().end()
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error

    async def recv_initial_metadata(self) -> None:
        try:
            await super().recv_initial_metadata()
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error
        self._stream.encoding = dict(self._stream.headers or ()).get("grpc-encoding", "")

    async def recv_message(self) -> Res | None:
        try:
            return await super().recv_message()
        except DecodeError as error:
            text = "grpc: failed to unmarshal the received message"
            raise GRPCError(Status.INTERNAL, text) from error
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error

    async def recv_trailing_metadata(self) -> None:
        try:
            await super().recv_trailing_metadata()
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error

    async def cancel(self) -> None:
        try:
            await super().cancel()
        except TRANSPORT_ERRORS as error:
            raise self._outward(error) from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._send_request_done and self._wrapper_ctx is not None:
            self._wrapper_ctx.__exit__(kind, error, trace)  # its timer; grpclib leaves it running
            return
        try:
            await super().__aexit__(kind, error, trace)
        except TRANSPORT_ERRORS as raised:
            if raised is error:
                raise  # the caller's own
            raise self._outward(raised) from raised

    def _raise_for_status(self, headers_map: dict[str, str]) -> None:
        if ":status" not in headers_map:
            raise GRPCError(Status.INTERNAL, "malformed header: missing HTTP status")
        super()._raise_for_status(headers_map)

    @property
    def _what(self) -> str:
        return f"call {self._method_name}"

    def _outward(self, error: BaseException) -> Exception:
        """The status that came before the connection or stream ended counts; else what ended it."""
        if self._send_request_done and not isinstance(error, TimeoutError):
            try:
                self._maybe_raise()
            except GRPCError as status:
                return status
            if (
                self._stream.cancelled
                and self._deadline is not None
                and self._deadline.time_remaining() < ROUNDED
            ):
                return transport_error(self._what, TimeoutError())  # the server's clock was the quicker one
        return transport_error(self._what, error)


class Channel(client.Channel):
    """To (host, port), or to a Unix socket at `path`; made inside a running loop. No keep-alive pings.

    `connect_timeout`: seconds for TCP and TLS together. `details_codec` reads what a status carries beside
    its message: without it, the messages of the default protobuf pool. Connections are dialled by the first call that needs
    one; a refused one is that call's `Unavailable`, and the next call tries again.
    """

    _protocol: Protocol | None

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        path: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
        limits: Limits | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        details_codec: StatusDetailsCodecBase | None = None,
    ) -> None:
        super().__init__(host, port, path=path, ssl=ssl, status_details_codec=details_codec)
        self.target = path if path is not None else self._get_authority(self._host, self._port)
        if path is not None:
            self._authority = "localhost"  # what grpc-go sends for a Unix socket
        self._limits = limits if limits is not None else (UNIX if path is not None else TCP)
        self._connect_timeout = connect_timeout
        self._closed = False
        self._tasks = Tasks(lambda _name, _error: None)  # a failed dial is told to the calls that wait for it
        self._dial: asyncio.Task[Protocol] | None = None
        self._open: set[Protocol] = set()
        self.dialled = 0

    def _protocol_factory(self) -> Protocol:
        self.dialled += 1
        return Protocol(
            client.Handler(),
            self._config,
            self._h2_config,
            self._limits,
            on_goaway=self._left,
            on_lost=self._open.discard,
        )

    @property
    def _connected(self) -> bool:
        made = self._protocol
        return made is not None and not made.connection.is_closing() and not made.connection.draining.is_set()

    async def __connect__(self) -> Protocol:
        """The current connection; all who wait for the next share one dial, whoever of them gives up."""
        if self._closed:
            raise Unavailable(f'connect to "{self.target}": channel is closed')
        if self._connected and self._protocol is not None:
            return self._protocol
        if self._dial is None or self._dial.done():
            self._dial = self._tasks.start(self._create_connection(), name=f"dial {self.target}")
        return await asyncio.shield(self._dial)

    async def _create_connection(self) -> Protocol:
        what = f'connect to "{self.target}"'
        try:
            async with asyncio.timeout(self._connect_timeout):
                made = await super()._create_connection()
        except TimeoutError as error:
            raise Unavailable(f"{what}: no answer in {self._connect_timeout:g} s") from error
        except OSError as error:
            raise Unavailable(f"{what}: {reason_of(error)}") from error
        assert isinstance(made, Protocol)  # noqa: S101 - of our own factory
        if not made.made:
            raise Unavailable(f"{what}: the server did not agree on HTTP/2 (ALPN)")
        self._open.add(made)
        self._protocol = made
        return made

    def _left(self, made: Protocol) -> None:
        """The server says goodbye: dialled now, so that the next call finds a connection ready."""
        if self._protocol is made and not self._closed:
            self._protocol = None
            self._dial = self._tasks.start(self._create_connection(), name=f"dial {self.target}")

    def renew(self) -> None:
        """The next call gets a new connection: after a taint, since a live one keeps the trust it was made under.

        Calls under way finish on the old one.
        """
        made, self._protocol, self._dial = self._protocol, None, None
        if made is not None:
            made.leave()

    def request(
        self,
        name: str,
        cardinality: Cardinality,
        request_type: type[Req],
        reply_type: type[Res],
        *,
        timeout: float | None = None,
        deadline: Deadline | None = None,
        metadata: Any = None,
    ) -> ClientStream[Req, Res]:
        made = super().request(
            name,
            cardinality,
            request_type,
            reply_type,
            timeout=timeout,
            deadline=deadline,
            metadata=metadata,
        )
        made.__class__ = ClientStream
        assert isinstance(made, ClientStream)  # noqa: S101 - the line above
        return made

    def close(self) -> None:
        """Ends all connections and the calls on them, at once."""
        self._closed = True
        if self._dial is not None:
            self._dial.cancel()
        for made in list(self._open):
            made.processor.close()
        self._protocol = None

    async def aclose(self) -> None:
        """`close`, and waits for a dial under way to end."""
        self.close()
        await self._tasks.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
