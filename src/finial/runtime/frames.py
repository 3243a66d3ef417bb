"""Frames over a connected Unix stream socket: some bytes, and the descriptors that came along with them.

A frame is two bytes of length, big endian, and as many bytes. A stream has no borders of its own, and is what
every platform has: Darwin knows no SOCK_SEQPACKET between processes (XNU `uipc_proto.c`). Descriptors ride on
the first byte. Nothing is read beyond the frame at hand, so what comes along is that frame's.

No frame is malformed: each length can be read, and whoever takes the frame says which is too long for it.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from finial.errors import InvalidArgument

LENGTH = struct.Struct(">H")
LONGEST = 0xFFFF  # bytes
MAX_DESCRIPTORS = 3  # kept of one frame; further ones are closed
FD_SIZE = array.array("i").itemsize
SPACE = socket.CMSG_SPACE(MAX_DESCRIPTORS * FD_SIZE)
# Linux closes them on exec from the first moment on. Elsewhere an exec by another thread may come between.
CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Frame:
    """Whoever has it owns the descriptors, which are closed on exec."""

    data: bytes
    descriptors: tuple[int, ...] = ()


def send(sock: socket.socket, data: bytes, descriptors: Sequence[int] = ()) -> None:
    """All of it; descriptors stay the caller's.

    Raises: InvalidArgument for more than LONGEST bytes; OSError, after which a part may have been sent and the
    socket is of no further use.
    """
    if len(data) > LONGEST:
        raise InvalidArgument(f"frame of {len(data)} bytes is too long")
    frame = LENGTH.pack(len(data)) + data
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    sent = sock.sendmsg([frame], rights)
    if sent < len(frame):
        sock.sendall(frame[sent:])


class Frames:
    """What arrives on a socket, which stays the caller's; blocks as the socket does."""

    __slots__ = ("_data", "_descriptors", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._data = bytearray()
        self._descriptors: list[int] = []

    def receive(self) -> Frame | None:
        """The next one; None: the other end is gone, be it in the middle of a frame.

        Raises: OSError. After BlockingIOError or TimeoutError call again: what came so far is kept.
        """
        while missing := self._missing():
            data, ancillary, _, _ = self._sock.recvmsg(missing, SPACE, CLOSE_ON_EXEC)
            self._keep(ancillary)
            if not data:
                self.close()
                return None
            self._data += data
        frame = Frame(bytes(self._data[LENGTH.size :]), tuple(self._descriptors))
        self._data.clear()
        self._descriptors.clear()
        return frame

    def close(self) -> None:
        """Gives up a frame of which only a part came."""
        self._data.clear()
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _missing(self) -> int:
        """Bytes of the frame at hand, or of its length while that is not known."""
        if len(self._data) < LENGTH.size:
            return LENGTH.size - len(self._data)
        (length,) = LENGTH.unpack_from(self._data)
        return LENGTH.size + int(length) - len(self._data)

    def _keep(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in ancillary:
            if (level, kind) != (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                continue
            for descriptor in array.array("i", data[: len(data) - len(data) % FD_SIZE]):
                if len(self._descriptors) == MAX_DESCRIPTORS:
                    os.close(descriptor)
                    continue
                os.set_inheritable(descriptor, False)
                self._descriptors.append(descriptor)
