"""Records between the launcher and its services or commands: JSON objects, one a line, over a socket.

A service inherits its end by number; it is closed on exec, so that nothing a service starts has it. The
launcher sees a service's end as the end of the channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from finial.errors import FinialError, Internal, Unavailable
from finial.runtime.peer import peer_uid

LONGEST = 1 << 18  # bytes of one record
Record = dict[str, Any]


class Channel:
    """Both ends alike. One reader and one writer at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Self:
        """Takes a connected socket over."""
        return cls(*await asyncio.open_connection(sock=sock, limit=LONGEST))

    @classmethod
    async def inherited(cls, number: int) -> Self:
        """The end that this process was started with. Raises: Internal if there is none."""
        try:
            sock = socket.socket(fileno=number)
        except OSError as why:
            raise Internal(
                f"file descriptor {number} is no channel: this is started by the launcher"
            ) from why
        sock.set_inheritable(False)
        return await cls.over(sock)

    @classmethod
    async def to(cls, path: str) -> Self:
        """Raises: Unavailable if nobody listens there."""
        try:
            return cls(*await asyncio.open_unix_connection(path, limit=LONGEST))
        except OSError as why:
            raise Unavailable(
                f'connect to the lab at "{path}": {(why.strerror or str(why)).lower()}'
            ) from why

    def peer_uid(self) -> int:
        """Of whoever connected."""
        return peer_uid(self._writer.get_extra_info("socket"))

    async def send(self, record: Record) -> None:
        """Raises: Unavailable if the other end is gone."""
        try:
            self._writer.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
            await self._writer.drain()
        except OSError as why:
            raise Unavailable("the other end of the channel is gone") from why

    async def receive(self) -> Record | None:
        """None: the other end is gone. Raises: Internal for what is no record."""
        try:
            line = await self._reader.readline()
            record = json.loads(line) if line.endswith(b"\n") else None
        except OSError:
            return None
        except (ValueError, RecursionError) as why:
            raise Internal("a record of the channel is malformed") from why
        if record is not None and not isinstance(record, dict):
            raise Internal("a record of the channel is no object")
        return record

    async def __aiter__(self) -> AsyncIterator[Record]:
        while (record := await self.receive()) is not None:
            yield record

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that are closed on exec."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def failure(error: FinialError) -> Record:
    return {"failed": error.message, "hint": error.hint}
