"""h2 with a few frames handled differently.

h2 enters CLOSED on any GOAWAY, sent or received, and live calls die: so GOAWAY never reaches its state
machine. A received one becomes an event of ours; the sent one is written by `protocol.Protocol`. The
`_receive_*` methods are found by h2's dispatch table, which binds them when a connection is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection, _decode_headers
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import (
    FrameTooLargeError,
    ProtocolError,
    StreamClosedError,
    StreamIDTooLowError,
    TooManyStreamsError,
)
from h2.settings import SettingCodes
from h2.stream import StreamClosedBy
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, RstStreamFrame

from finial.runtime.http2.hpack_memo import MemoDecoder, MemoEncoder
from finial.runtime.http2.limits import Limits

DEFAULT_WINDOW = 65_535


class GoAwayReceived(Event):
    def __init__(self, last_stream_id: int, error_code: int) -> None:
        self.last_stream_id = last_stream_id
        self.error_code = error_code


class EnhanceYourCalm(ProtocolError):
    """The peer works us harder than any honest peer would."""

    error_code = ErrorCodes.ENHANCE_YOUR_CALM


class Http2(H2Connection):
    """`time()`: seconds, monotonic; for counting resets."""

    MAX_CLOSED_STREAMS = 1024  # h2 remembers 65,536 a connection: megabytes after as many calls

    def __init__(self, config: H2Configuration, limits: Limits, time: Callable[[], float]) -> None:
        super().__init__(config=config)
        # Written into the first SETTINGS: no second frame, and no moment at h2's own 100 streams.
        settings = self.local_settings._settings
        settings[SettingCodes.MAX_CONCURRENT_STREAMS][0] = limits.streams
        settings[SettingCodes.MAX_HEADER_LIST_SIZE][0] = limits.header_list
        settings[SettingCodes.INITIAL_WINDOW_SIZE][0] = limits.stream_window
        self.decoder = MemoDecoder(limits.header_list)
        self.encoder = MemoEncoder()
        self.refused_streams = 0
        self._resets = ResetRate(limits.resets_per_second, time)
        self._sweep_at = 2

    def open(self, connection_window: int) -> None:
        """Queues the preface: SETTINGS, and the window where it is larger than HTTP/2's."""
        self.initiate_connection()
        if connection_window > DEFAULT_WINDOW:
            self.increment_flow_control_window(connection_window - DEFAULT_WINDOW)

    def receive_data(self, data: Any) -> list[Event]:
        events = super().receive_data(data)
        # h2 looks at a frame's length only once all of it is there: 16 MiB for three bytes of promise.
        waiting = self.incoming_buffer._data
        if len(waiting) >= 3 and int.from_bytes(waiting[:3], "big") > self.max_inbound_frame_size:
            self._terminate_connection(ErrorCodes.FRAME_SIZE_ERROR)
            raise FrameTooLargeError("frame longer than SETTINGS_MAX_FRAME_SIZE")
        return events

    def _receive_frame(self, frame: Frame) -> list[Event]:
        # As h2's own, without repr(frame) for a logger that drops it; resets that it answers with count.
        events: list[Event]
        try:
            frames, events = self._frame_dispatch_table[type(frame)](frame)
        except StreamClosedError as error:
            if not self._stream_is_closed_by_reset(error.stream_id):
                raise
            frames, events = [reset(error.stream_id, ErrorCodes(error.error_code))], error._events
        except StreamIDTooLowError as error:
            if self._stream_is_closed_by_reset(error.stream_id):
                frames, events = [reset(error.stream_id, ErrorCodes.STREAM_CLOSED)], []
            elif self._stream_is_closed_by_end(error.stream_id):
                raise StreamClosedError(error.stream_id) from error
            else:
                raise
        if frames:
            if any(isinstance(one, RstStreamFrame) for one in frames):
                self._count_reset()
            self._prepare_for_sending(frames)
        return events

    def _receive_rst_stream_frame(self, frame: RstStreamFrame) -> tuple[list[Frame], list[Event]]:
        self._count_reset()
        return super()._receive_rst_stream_frame(frame)

    def _count_reset(self) -> None:
        if self._resets.exceeded():
            self._terminate_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            raise EnhanceYourCalm("too many streams reset")

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        return [], [GoAwayReceived(frame.last_stream_id, frame.error_code)]

    def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[Event]]:
        try:
            return super()._receive_headers_frame(frame)
        except TooManyStreamsError:
            # h2 would end the connection; RFC 9113 5.1.2 wants the one stream refused.
            _decode_headers(
                self.decoder, frame.data
            )  # keeps HPACK in step; its faults become protocol errors
            self.highest_inbound_stream_id = max(self.highest_inbound_stream_id, frame.stream_id)
            self._closed_streams[frame.stream_id] = StreamClosedBy.SEND_RST_STREAM
            self.refused_streams += 1
            return [reset(frame.stream_id, ErrorCodes.REFUSED_STREAM)], []
        except UnicodeDecodeError:
            # gRPC's headers are ASCII; the block itself was read, so HPACK is in step and one stream ends.
            self.reset_stream(frame.stream_id, ErrorCodes.PROTOCOL_ERROR)
            self._count_reset()
            return [], []

    def _open_streams(self, remainder: int) -> int:
        """h2 walks all streams at each HEADERS, in both directions; here only once their number has doubled.

        Until then the number of all streams is the answer: no less than that of the open ones.
        """
        many = len(self.streams)
        settings = self.remote_settings if self.config.client_side else self.local_settings
        if many < self._sweep_at and many < settings.max_concurrent_streams:
            return many
        count = super()._open_streams(remainder)
        self._sweep_at = 2 * len(self.streams) + 2
        return count


class ResetRate:
    """Counts in windows of one second."""

    __slots__ = ("_count", "_limit", "_time", "_until")

    def __init__(self, limit: int, time: Callable[[], float]) -> None:
        self._limit, self._time = limit, time
        self._until = 0.0
        self._count = 0

    def exceeded(self) -> bool:
        now = self._time()
        if now >= self._until:
            self._until, self._count = now + 1.0, 0
        self._count += 1
        return self._count > self._limit


def reset(stream_id: int, code: ErrorCodes) -> RstStreamFrame:
    return RstStreamFrame(stream_id, error_code=code)
