"""One connection, either role: its start, its bytes, its graceful end.

    accepted -> age reached or drain() -> GOAWAY(2^31-1) + PING -> ack -> GOAWAY(last id) -> idle -> closed

A client that receives GOAWAY lets its streams finish here and opens new ones elsewhere. The numbers are
grpc-go's, so that both ends agree on who closes first.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
from collections.abc import Callable
from typing import Any, cast

from grpclib import protocol
from grpclib.config import Configuration
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import Event, PingAckReceived
from h2.exceptions import ProtocolError
from hyperframe.frame import Frame, GoAwayFrame, PingFrame

from finial.errors import FinialError
from finial.runtime.http2.cork import Corked
from finial.runtime.http2.events import Processor
from finial.runtime.http2.frames import EnhanceYourCalm, GoAwayReceived, Http2
from finial.runtime.http2.limits import Limits
from finial.runtime.http2.stream import Connection

log = logging.getLogger(__name__)

HIGHEST_STREAM_ID = 2**31 - 1
DRAIN_PING = b"finialGA"
DRAIN_PING_TIMEOUT = 5.0
"""Seconds: a client that never answers PING gets the final GOAWAY then."""
LINGER = 1.0
"""Seconds in which the drained client closes first; closing under its feet would send a TCP reset."""
USER_TIMEOUT_MS = 20_000
"""Unacknowledged bytes end a TCP connection after this. In place of HTTP/2 keep-alive: a stock server cuts
a client that pings more often than every five minutes."""
PROBE_SECONDS = 15

Accepts = Callable[[asyncio.Transport], object | None]


class Protocol(protocol.H2Protocol):
    """`accepts(transport)` runs before anything of HTTP/2 exists: it answers the connection's `peer`, or
    raises a FinialError, which ends the connection without a byte.
    """

    connection: Connection
    processor: Processor

    def __init__(
        self,
        handler: protocol.AbstractHandler,
        config: Configuration,
        h2_config: H2Configuration,
        limits: Limits,
        *,
        accepts: Accepts | None = None,
        max_age: float | None = None,
        on_goaway: Callable[[Protocol], None] | None = None,
        on_made: Callable[[Protocol], None] | None = None,
        on_lost: Callable[[Protocol], None] | None = None,
    ) -> None:
        super().__init__(handler, config, h2_config)
        self._limits = limits
        self._accepts = accepts
        self._max_age = max_age
        self._on_goaway = on_goaway
        self._on_made = on_made
        self._on_lost = on_lost
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.refusal: FinialError | None = None

    @property
    def made(self) -> bool:
        """False for a connection that was refused."""
        return hasattr(self, "processor")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        given = cast(asyncio.Transport, transport)
        if self._on_made is not None:
            self._on_made(self)
        if not agreed_on_h2(given):
            given.abort()
            return
        try:
            peer = self._accepts(given) if self._accepts is not None else None
        except FinialError as error:
            self.refusal = error
            given.abort()
            return
        self._start(given, peer)

    def _start(self, given: asyncio.Transport, peer: object | None) -> None:
        set_options(given.get_extra_info("socket"))
        self.transport = Corked(given, self._loop)
        h2 = Http2(self.h2_config, self._limits, self._loop.time)
        h2.open(self._limits.connection_window)
        self.connection = Connection(h2, self.transport, config=self.config, limits=self._limits, peer=peer)
        self.connection.flush()
        self.connection.initialize()
        self.processor = Processor(self.handler, self.connection, self._idle)
        if self._max_age is not None:
            self._timer = self._loop.call_later(self._max_age * random.uniform(0.9, 1.1), self.drain)  # noqa: S311

    def data_received(self, data: bytes) -> None:
        if not self.made or self.connection.is_closing():
            return
        try:
            events = self.connection.feed(data)
            if self.connection.unread() > self._limits.unread:
                raise EnhanceYourCalm("the peer does not read what it asks for")
        except ProtocolError as error:
            log.debug("protocol error: %s", error)
            self.connection.flush()  # h2 has queued a GOAWAY that names the reason; grpclib drops it
            self.processor.close("Protocol error")
            return
        for event in events:
            self._process(event)
        self.connection.flush()

    def _process(self, event: Event) -> None:
        if isinstance(event, GoAwayReceived):
            self._goaway_received(event)
        elif isinstance(event, PingAckReceived) and event.ping_data == DRAIN_PING:
            self._final_goaway()
        else:
            self.processor.process(event)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._set_timer(None)
        if self.made:
            super().connection_lost(exc)
        if self._on_lost is not None:
            self._on_lost(self)

    def pause_writing(self) -> None:
        if self.made:
            super().pause_writing()

    def resume_writing(self) -> None:
        if self.made:
            super().resume_writing()

    # Server: we send GOAWAY.

    def drain(self) -> None:
        """Says goodbye: streams in flight finish, new ones go to another connection."""
        if not self.made or self.connection.draining.is_set() or self.connection.is_closing():
            return
        self.connection.draining.set()
        self._write(goaway(HIGHEST_STREAM_ID), PingFrame(0, opaque_data=DRAIN_PING))
        self._set_timer(self._loop.call_later(DRAIN_PING_TIMEOUT, self._final_goaway))

    def _final_goaway(self) -> None:
        if self.processor.last_stream_id is not None or self.connection.is_closing():
            return
        last = self.connection.h2.highest_inbound_stream_id
        self.processor.last_stream_id = last
        self._write(goaway(last))
        self._set_timer(None)
        if not self.processor.streams:
            self._idle()

    def _idle(self) -> None:
        """The last stream ended: a drained connection has nothing left to do."""
        if self.connection.is_closing():
            return
        if self.connection.client_side:
            if self.connection.draining.is_set():
                self.transport.close()
        elif self.processor.last_stream_id is not None:
            self._set_timer(self._loop.call_later(LINGER, self.transport.close))

    # Client: we receive GOAWAY.

    def _goaway_received(self, event: GoAwayReceived) -> None:
        if not self.connection.client_side:
            return  # a leaving client; its calls finish, its EOF follows
        for stream_id, stream in list(self.processor.streams.items()):
            if stream_id > event.last_stream_id:
                self.processor.refuse(stream)
        self.leave()
        if self._on_goaway is not None:
            self._on_goaway(self)

    def leave(self) -> None:
        """Takes no new call and closes after the last one."""
        self.connection.draining.set()
        self.connection.stream_close_waiter.set()  # whoever waits for a free stream moves on
        if not self.processor.streams:
            self._loop.call_soon(self._idle)

    def abort(self) -> None:
        if self.made:
            self.transport.abort()

    def _write(self, *frames: Frame) -> None:
        self.connection.flush()  # what h2 has queued goes first
        self.transport.write(b"".join(frame.serialize() for frame in frames))

    def _set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer


def goaway(last_stream_id: int) -> GoAwayFrame:
    return GoAwayFrame(
        0, last_stream_id=last_stream_id, error_code=ErrorCodes.NO_ERROR, additional_data=b"max_age"
    )


def agreed_on_h2(transport: asyncio.Transport) -> bool:
    """Over TLS, HTTP/2 must have been agreed on by ALPN: grpc-go has insisted since 1.67."""
    tls = transport.get_extra_info("ssl_object")
    return tls is None or tls.selected_alpn_protocol() == "h2"


def set_options(sock: Any) -> None:
    """No delay, and a dead peer is noticed: by its silence to our bytes, or to the kernel's probes.

    One that is gone already is told of by the connection's end: Darwin takes no option then (XNU `sosetopt`).
    """
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    try:
        _set_options(sock)
    except OSError as why:
        if why.errno != errno.EINVAL:
            raise


def _set_options(sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
        ("TCP_KEEPIDLE", PROBE_SECONDS),
        ("TCP_KEEPALIVE", PROBE_SECONDS),  # Darwin's name for it
        ("TCP_KEEPINTVL", PROBE_SECONDS),
    ):
        if hasattr(socket, name):  # where it is not, the kernel's own times hold
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
