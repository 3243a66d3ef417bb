"""h2 with our frames: GOAWAY is an event, lengths come first, one stream is refused, resets are counted."""

from __future__ import annotations

import pytest
from h2.config import H2Configuration
from h2.connection import ConnectionState
from h2.exceptions import FrameTooLargeError, ProtocolError
from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

from finial.runtime.http2.frames import EnhanceYourCalm, GoAwayReceived, Http2, ResetRate
from finial.runtime.http2.limits import Limits

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()
HEADERS = [(":method", "POST"), (":path", "/a.B/C"), (":scheme", "http"), (":authority", "x")]


class Server(Http2):
    def __init__(self, **limits: int) -> None:
        self.moment = 0.0
        config = H2Configuration(client_side=False, header_encoding="ascii", validate_inbound_headers=False)
        super().__init__(config, Limits(**limits), lambda: self.moment)
        self.open(65_535)
        self.receive_data(PREFACE)
        self.data_to_send()
        self._out = Encoder()

    def opens(self, stream: int) -> None:
        frame = HeadersFrame(stream, data=self._out.encode(HEADERS))
        frame.flags.add("END_HEADERS")
        self.receive_data(frame.serialize())

    def sent(self) -> list[Frame]:
        data, frames = memoryview(self.data_to_send()), []
        while data:
            frame, length = Frame.parse_frame_header(data[:9])
            frame.parse_body(data[9 : 9 + length])
            frames.append(frame)
            data = data[9 + length :]
        return frames


def test_the_first_settings_carry_the_limits() -> None:
    config = H2Configuration(client_side=False)
    http2 = Http2(config, Limits(streams=7, header_list=1000, stream_window=100_000), lambda: 0.0)
    http2.open(200_000)
    frame, length = Frame.parse_frame_header(memoryview(data := http2.data_to_send())[:9])
    frame.parse_body(memoryview(data)[9 : 9 + length])
    assert isinstance(frame, SettingsFrame)
    assert {3: 7, 4: 100_000, 6: 1000}.items() <= frame.settings.items()
    assert http2.inbound_flow_control_window == 200_000


def test_goaway_is_an_event_and_calls_live_on() -> None:
    server = Server()
    server.opens(1)
    (event,) = server.receive_data(GoAwayFrame(0, last_stream_id=5, error_code=0).serialize())
    assert isinstance(event, GoAwayReceived)
    assert (event.last_stream_id, event.error_code) == (5, 0)
    assert server.state_machine.state is not ConnectionState.CLOSED
    server.opens(3)


@pytest.mark.parametrize("sent", [b"\xff\xff\xff", b"\x00\x40\x01"])
def test_a_length_is_judged_before_the_frame_is_there(sent: bytes) -> None:
    with pytest.raises(FrameTooLargeError):
        Server().receive_data(sent)


def test_streams_over_the_limit_are_refused_and_hpack_stays_in_step() -> None:
    server = Server(streams=2)
    for stream in (1, 3, 5):
        server.opens(stream)
    (refused,) = server.sent()
    assert isinstance(refused, RstStreamFrame)
    assert (refused.stream_id, refused.error_code, server.refused_streams) == (5, 7, 1)
    server.reset_stream(1)
    server.opens(7)
    assert server.open_inbound_streams == 2


def test_a_broken_header_block_of_a_refused_stream_ends_the_connection_as_any_other() -> None:
    """Found by fuzzing: hpack's own error reached the event loop."""
    server = Server(streams=1)
    server.opens(1)
    with pytest.raises(ProtocolError):
        server.receive_data(HeadersFrame(3, data=b"\xff\xff", flags=["END_HEADERS"]).serialize())
    (goaway,) = server.sent()
    assert isinstance(goaway, GoAwayFrame)
    assert goaway.error_code == 1


def test_resets_beyond_the_rate_end_the_connection() -> None:
    server = Server(resets_per_second=3)
    for number in range(3):
        server.opens(2 * number + 1)
        server.receive_data(RstStreamFrame(2 * number + 1, error_code=8).serialize())
    server.moment = 1.5  # a new second
    server.opens(7)
    server.receive_data(RstStreamFrame(7, error_code=8).serialize())
    with pytest.raises(EnhanceYourCalm):
        server.receive_data(RstStreamFrame(7, error_code=8).serialize() * 3)
    assert isinstance(EnhanceYourCalm("x"), ProtocolError)
    goaway = server.sent()[-1]
    assert isinstance(goaway, GoAwayFrame)
    assert goaway.error_code == 11


def test_reset_rate_counts_in_seconds() -> None:
    moments = iter([0.0, 0.5, 0.9, 1.1, 1.2])
    rate = ResetRate(2, lambda: next(moments))
    assert [rate.exceeded() for _ in range(5)] == [False, False, True, False, False]


def test_closed_streams_are_forgotten_as_their_number_doubles() -> None:
    server = Server(resets_per_second=10_000)
    for number in range(200):
        stream = 2 * number + 1
        server.opens(stream)
        server.receive_data(RstStreamFrame(stream, error_code=8).serialize())
    assert len(server.streams) <= 4
