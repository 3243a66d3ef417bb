"""One connection: ALPN, socket options, unread bytes, the graceful end step by step."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from grpclib.config import Configuration
from h2.config import H2Configuration
from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from finial.errors import PermissionDenied
from finial.runtime.http2 import protocol as protocol_module
from finial.runtime.http2.limits import Limits
from finial.runtime.http2.protocol import DRAIN_PING, HIGHEST_STREAM_ID, Protocol, set_options

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()
REQUEST = [(":method", "POST"), (":path", "/a.B/C"), (":scheme", "http"), (":authority", "x")]


class Wire(asyncio.Transport):
    """Takes what is written; `unread` bytes of it are said to wait."""

    def __init__(self, alpn: str | None = None) -> None:
        super().__init__()
        self.data = b""
        self.unread = 0
        self.ended = ""
        self._tls = None if alpn is None else SimpleNamespace(selected_alpn_protocol=lambda: alpn or None)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.data += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._tls if name == "ssl_object" else default

    def frames(self) -> list[Frame]:
        data, frames = memoryview(self.data), []
        while data:
            frame, length = Frame.parse_frame_header(data[:9])
            frame.parse_body(data[9 : 9 + length])
            frames.append(frame)
            data = data[9 + length :]
        self.data = b""
        return frames


def made(wire: Wire, **options: Any) -> Protocol:
    config = H2Configuration(client_side=False, header_encoding="ascii", validate_inbound_headers=False)
    handler: Any = SimpleNamespace(close=lambda: None)
    server = Protocol(handler, Configuration().__for_server__(), config, Limits(), **options)
    server.connection_made(wire)
    return server


@pytest.mark.parametrize(
    ("alpn", "ended"), [(None, ""), ("h2", ""), ("", "aborted"), ("http/1.1", "aborted")]
)
def test_http2_must_have_been_agreed_on_over_tls(alpn: str | None, ended: str) -> None:
    async def main() -> None:
        wire = Wire(alpn)
        server = made(wire)
        assert (wire.ended, server.made) == (ended, not ended)
        server.connection_lost(None)

    asyncio.run(main())


def test_a_refused_peer_gets_no_byte() -> None:
    def refuse(_: asyncio.Transport) -> None:
        raise PermissionDenied("no")

    async def main() -> None:
        wire = Wire()
        lost: list[Protocol] = []
        server = made(wire, accepts=refuse, on_lost=lost.append)
        server.data_received(HELLO)
        server.pause_writing()
        server.resume_writing()
        server.drain()
        server.connection_lost(None)
        assert (wire.data, wire.ended, lost) == (b"", "aborted", [server])
        assert str(server.refusal) == "no"

    asyncio.run(main())


def test_a_peer_that_reads_nothing_is_cut() -> None:
    async def main() -> None:
        wire = Wire()
        server = made(wire)
        server.data_received(HELLO)
        server.data_received(PingFrame(0, opaque_data=b"12345678").serialize())
        assert wire.ended == ""
        wire.unread = Limits().unread + 1
        server.data_received(PingFrame(0, opaque_data=b"12345678").serialize())
        assert wire.ended == "closed"
        server.connection_lost(None)

    asyncio.run(main())


def test_the_graceful_end_is_two_goaways_around_a_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_module, "LINGER", 0.0)

    async def main() -> None:
        wire = Wire()
        server = made(wire)
        server.data_received(HELLO)
        await asyncio.sleep(0)
        wire.frames()
        server.drain()
        server.drain()  # a second wish changes nothing
        await asyncio.sleep(0)
        first, ping = wire.frames()
        assert isinstance(first, GoAwayFrame)
        assert (first.last_stream_id, first.error_code) == (HIGHEST_STREAM_ID, 0)
        assert isinstance(ping, PingFrame)
        assert ping.opaque_data == DRAIN_PING
        assert server.connection.draining.is_set()
        server.data_received(PingFrame(0, opaque_data=DRAIN_PING, flags=["ACK"]).serialize())
        await asyncio.sleep(0)
        (last,) = wire.frames()
        assert isinstance(last, GoAwayFrame)
        assert last.last_stream_id == 0
        await asyncio.sleep(0.001)
        assert wire.ended == "closed"
        server.connection_lost(None)

    asyncio.run(main())


def test_a_stream_opened_and_taken_back_after_the_final_goaway_is_no_fault() -> None:
    """In the same bytes: by the time it is refused there is nothing to reset."""

    async def main() -> None:
        wire = Wire()
        server = made(wire)
        server.data_received(HELLO)
        server.drain()
        server.data_received(PingFrame(0, opaque_data=DRAIN_PING, flags=["ACK"]).serialize())
        opened = HeadersFrame(1, data=Encoder().encode(REQUEST), flags=["END_HEADERS"])
        server.data_received(opened.serialize() + RstStreamFrame(1, error_code=8).serialize())
        assert server.processor.refused == 1
        assert not wire.ended
        server.connection_lost(None)

    asyncio.run(main())


def test_a_silent_client_gets_the_final_goaway_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_module, "DRAIN_PING_TIMEOUT", 0.0)

    async def main() -> None:
        wire = Wire()
        server = made(wire, max_age=0.0)
        server.data_received(HELLO)
        async with asyncio.timeout(5):
            while server.processor.last_stream_id is None:  # noqa: ASYNC110 - timers of the loop
                await asyncio.sleep(0)
        assert server.processor.last_stream_id == 0
        server.connection_lost(None)

    asyncio.run(main())


def test_tcp_sockets_notice_a_dead_peer_and_unix_sockets_are_left_alone() -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        set_options(tcp)
        set_options(unix)
        set_options(None)
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if sys.platform == "linux":
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
        assert not unix.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


class Shut:
    """A socket whose ends are both shut, as a Mac has it."""

    family = socket.AF_INET

    def __init__(self, number: int) -> None:
        self.number = number

    def setsockopt(self, *_: object) -> None:
        raise OSError(self.number, os.strerror(self.number))


def test_a_socket_whose_peer_is_gone_may_take_no_options() -> None:
    set_options(Shut(errno.EINVAL))
    with pytest.raises(OSError, match="not available"):
        set_options(Shut(errno.ENOPROTOOPT))
