"""h2's events to grpclib's streams: counts live streams for the drain, refuses what comes too late."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from grpclib import protocol
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamReset
from h2.exceptions import NoSuchStreamError

from finial.errors import Unavailable
from finial.runtime.http2.stream import Connection, Stream


class StreamRefused(Unavailable):
    """The peer says that it never processed this call: safe to retry, whatever the call."""


class Processor(protocol.EventsProcessor):
    connection: Connection
    streams: dict[int, Stream]  # type: ignore[assignment]
    last_stream_id: int | None = None  # of the final GOAWAY we sent
    refused = 0

    def __init__(
        self, handler: protocol.AbstractHandler, connection: Connection, on_idle: Callable[[], None]
    ) -> None:
        super().__init__(handler, connection)
        self._on_idle = on_idle

    def register(self, stream: protocol.Stream) -> Callable[[], None]:
        release = super().register(stream)

        def release_and_tell() -> None:
            release()
            if not self.streams:
                self._on_idle()

        return release_and_tell

    def close(self, reason: str = "Connection closed") -> None:
        """Lets go of its owner too: a connection that is closed is gone without the cyclic collector."""
        super().close(reason)
        self._on_idle = _nothing

    def process(self, event: Event) -> None:
        """Ignores what it does not know (extension frames, ALTSVC), as the RFC tells; grpclib would raise."""
        if event.__class__ in getattr(self, "processors", ()):  # taken away when the connection closes
            super().process(event)

    def process_data_received(self, event: DataReceived) -> None:
        if event.data:
            super().process_data_received(event)
        else:  # legal, and grpclib would take it for the end of the stream
            self.connection.ack(event.stream_id, event.flow_controlled_length or 0)

    def process_request_received(self, event: RequestReceived) -> None:
        if self.connection.client_side:  # a server asks nothing
            self._reset(event.stream_id, ErrorCodes.PROTOCOL_ERROR)
            return
        if self.last_stream_id is not None and event.stream_id > self.last_stream_id:
            self.refused += 1
            self._reset(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        super().process_request_received(event)

    def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        with suppress(NoSuchStreamError):  # the peer took it back in the same bytes
            self.connection.h2.reset_stream(stream_id, code)

    def process_stream_reset(self, event: StreamReset) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None and self.connection.client_side:
            if event.error_code == ErrorCodes.NO_ERROR and stream.ended:
                # RFC 9113 8.1: the answer is complete and stands; only our own sending is pointless now.
                stream.window_updated.set()
                return
            if event.error_code == ErrorCodes.REFUSED_STREAM:
                self.refuse(stream)
            stream.cancelled = event.error_code == ErrorCodes.CANCEL
        super().process_stream_reset(event)

    def refuse(self, stream: Stream) -> None:
        if stream.wrapper is not None:
            stream.wrapper.cancel(StreamRefused("call not processed: refused by the server"))
            stream.wrapper = None  # the first reason stands


def _nothing() -> None: ...
