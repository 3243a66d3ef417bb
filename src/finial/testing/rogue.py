"""An HTTP/2 peer that keeps no rule: frames and HPACK byte by byte, and no state machine in the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 10.0
FRAME = 16_000


def request(path: str, **extra: str) -> list[tuple[str, str]]:
    """Request headers; `extra` with underscores for dashes, replacing the usual ones."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "rogue"}
    fields |= {"content-type": "application/grpc", "te": "trailers"}
    return list((fields | {name.replace("_", "-"): value for name, value in extra.items()}).items())


class Rogue:
    """A client. `seen`: what the server sent, one line a frame; SETTINGS, PING and windows are left out."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._encoder, self._decoder, self._rest = Encoder(), Decoder(), b""
        self.seen: list[str] = []
        self.acknowledged = 0

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.writer.write(PREFACE + SettingsFrame(0).serialize())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    def open(self, stream: int, headers: list[tuple[str, str]], *, end: bool = False) -> None:
        """One HEADERS frame, and CONTINUATIONs where it is too long for one."""
        data = self._encoder.encode(headers, huffman=False)
        parts = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
        frames: list[HeadersFrame | ContinuationFrame] = [HeadersFrame(stream, data=parts[0])]
        frames += [ContinuationFrame(stream, data=part) for part in parts[1:]]
        frames[-1].flags.add("END_HEADERS")
        if end:
            frames[0].flags.add("END_STREAM")
        self.send(*frames)

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        frame = DataFrame(stream, data=data)
        if end:
            frame.flags.add("END_STREAM")
        self.send(frame)

    def send(self, *frames: Frame) -> None:
        self.writer.write(b"".join(frame.serialize() for frame in frames))

    async def until(self, done: Callable[[list[str]], bool]) -> list[str]:
        """Reads until `done(seen)`, or to the end of the connection, which is seen as "closed"."""
        async with asyncio.timeout(PATIENCE):
            while not done(self.seen):
                try:
                    data = await self._reader.read(65_536)
                except ConnectionResetError:
                    data = b""
                if not data:
                    self.seen.append("closed")
                    break
                self._parse(data)
        return self.seen

    async def closed(self) -> list[str]:
        return await self.until(lambda seen: "closed" in seen)

    async def ping(self) -> list[str]:
        """All that the server had to say: it answers a PING after what came before."""
        before = self.acknowledged
        self.send(PingFrame(0, opaque_data=b"rogue..."))
        return await self.until(lambda _: self.acknowledged > before)

    def _parse(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._rest[:9]))
            if len(self._rest) < 9 + length:
                break
            frame.parse_body(memoryview(self._rest[9 : 9 + length]))
            self._rest = self._rest[9 + length :]
            self._note(frame)

    def _note(self, frame: Frame) -> None:
        if isinstance(frame, HeadersFrame):
            fields = {_text(name): _text(value) for name, value in self._decoder.decode(frame.data or b"")}
            if "grpc-status" in fields:
                text = f"grpc-status {fields['grpc-status']} {fields.get('grpc-message', '')}".rstrip()
                self.seen.append(f"{frame.stream_id}: {text}")
        elif isinstance(frame, RstStreamFrame):
            self.seen.append(f"{frame.stream_id}: reset {frame.error_code}")
        elif isinstance(frame, DataFrame):
            self.seen.append(f"{frame.stream_id}: {len(frame.data)} bytes")
        elif isinstance(frame, GoAwayFrame):
            self.seen.append(f"GOAWAY {frame.error_code}")
        elif isinstance(frame, PingFrame):
            self.acknowledged += "ACK" in frame.flags
            if "ACK" not in frame.flags:
                self.send(PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
