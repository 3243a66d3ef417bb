"""A Mac's kernel, played on Linux: `become()` before anything of Finial's is imported.

What macOS has is answered from /proc, in the byte layouts of Apple's headers; what it lacks is taken away:
pidfds, memory files, Linux's socket options, and /proc. So a process shows that it lives by the other side
of each seam. It does not show that a Mac answers as this does.
"""

from __future__ import annotations

import asyncio  # noqa: F401 - with its children: the standard library chooses by platform, too, and is loaded first
import contextlib
import ctypes
import errno
import fcntl
import importlib
import multiprocessing  # noqa: F401
import os
import platform
import select
import selectors  # noqa: F401
import signal
import socket
import struct
import subprocess  # noqa: F401
import sys
import sysconfig
import tempfile  # noqa: F401
import urllib.request  # noqa: F401
import uuid  # noqa: F401
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

LACKS = (
    (os, ("pidfd_open", "memfd_create", "MFD_CLOEXEC", "pipe2", "O_PATH", "waitid", "sched_getaffinity")),
    (signal, ("pidfd_send_signal",)),
    (socket, ("SO_PEERCRED", "SO_PEERPIDFD", "SOCK_SEQPACKET", "MSG_CMSG_CLOEXEC", "TCP_DEFER_ACCEPT")),
)
SOL_LOCAL, LOCAL_PEERCRED, LOCAL_PEERPID, LOCAL_PEERTOKEN = 0, 1, 2, 6
SHORT_BSD_INFO, BSD_INFO, DENY_ATTACH = 13, 3, 31
SO_PEERCRED = 17

_pidfd_open = getattr(os, "pidfd_open", None)
_allowed = 0


@contextlib.contextmanager
def _reading_proc() -> Iterator[None]:
    global _allowed
    _allowed += 1
    try:
        yield
    finally:
        _allowed -= 1


def _refuse_proc(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and not _allowed and str(arguments[0]).startswith("/proc"):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), arguments[0])


class Entry:
    """A process by its number, as /proc has it."""

    def __init__(self, pid: int) -> None:
        """Raises: ProcessLookupError for one that ended, reaped or not."""
        try:
            with _reading_proc():
                stat = Path(f"/proc/{pid}/stat").read_bytes()
                status = Path(f"/proc/{pid}/status").read_bytes()
                self.program = os.readlink(f"/proc/{pid}/exe")
        except FileNotFoundError:
            raise ProcessLookupError from None
        fields = stat[stat.rindex(b")") + 2 :].split()
        if fields[0] in (b"Z", b"X"):
            raise ProcessLookupError
        lines = dict(line.split(b":", 1) for line in status.splitlines() if b":" in line)
        self.pid, self.ticks = pid, int(fields[19])
        self.version = zlib.crc32(f"{self.ticks} {fields[25]!r} {self.program}".encode())
        self.ruid, self.uid, self.svuid, _ = map(int, lines[b"Uid"].split())
        self.rgid, self.gid, self.svgid, _ = map(int, lines[b"Gid"].split())

    def short_info(self) -> bytes:
        ids = (self.uid, self.gid, self.ruid, self.rgid, self.svuid, self.svgid, 0)
        return struct.pack("=4I16s8I", self.pid, 1, self.pid, 2, b"played", 0, *ids)

    def info(self) -> bytes:
        ids = (self.uid, self.gid, self.ruid, self.rgid, self.svuid, self.svgid, 0)
        seconds, ticks = divmod(self.ticks, 100)
        head = struct.pack("=12I", 0, 2, 0, self.pid, 1, *ids)
        return head + struct.pack(
            "=16s32s5Ii2Q", b"played", b"played", 9, self.pid, 0, 0, 0, 0, seconds, ticks * 10_000
        )

    def token(self) -> bytes:
        return struct.pack(
            "=5Ii2I", self.uid, self.uid, self.gid, self.ruid, self.rgid, self.pid, 0, self.version
        )


class Libc:
    """What the tree calls of a Mac's libSystem."""

    def __init__(self) -> None:
        self.hidden = False

    def proc_pidinfo(self, pid: Any, flavor: Any, argument: Any, buffer: Any, size: Any) -> int:
        assert argument.value == 0
        assert isinstance(argument, ctypes.c_uint64)
        try:
            entry = Entry(pid.value)
        except ProcessLookupError:
            return _fail(errno.ESRCH)
        if flavor.value == BSD_INFO and os.geteuid() not in (0, entry.uid):
            return _fail(errno.EPERM)
        record = {BSD_INFO: entry.info, SHORT_BSD_INFO: entry.short_info}[flavor.value]()
        assert size.value == len(record)
        ctypes.memmove(buffer, record, len(record))
        return len(record)

    def proc_pidpath(self, pid: Any, buffer: Any, size: Any) -> int:
        try:
            path = os.fsencode(Entry(pid.value).program)
        except ProcessLookupError:
            return _fail(errno.ESRCH)
        if path.endswith(b" (deleted)"):
            return _fail(errno.ENOENT)
        assert len(path) < size.value == ctypes.sizeof(buffer)
        buffer.value = path
        return len(path)

    def ptrace(self, request: int, pid: int, address: None, data: int) -> int:
        assert (request, pid, address, data) == (DENY_ATTACH, 0, None, 0)
        self.hidden = True
        return 0


def _fail(number: int) -> int:
    ctypes.set_errno(number)
    return 0


class Kqueue:
    """Of one process: its execs, or its end, for which a pidfd is readable as a kqueue is."""

    def __init__(self) -> None:
        self._descriptor, self._watched, self._version = -1, 0, 0

    def control(self, events: list[Kevent] | None, most: int, timeout: float | None = None) -> list[Kevent]:
        if events is None:
            assert (most, timeout) == (1, 0)
            return self._pending()
        (event,) = events
        assert (event.filter, event.flags, most) == (KQUEUE["KQ_FILTER_PROC"], KQUEUE["KQ_EV_ADD"], 0)
        self._watched, self._version = event.ident, Entry(event.ident).version
        if event.fflags == KQUEUE["KQ_NOTE_EXIT"]:
            assert _pidfd_open is not None
            self._descriptor = _pidfd_open(event.ident)
        return []

    def _pending(self) -> list[Kevent]:
        before, self._version = self._version, Entry(self._watched).version
        if before == self._version:
            return []
        return [Kevent(self._watched, KQUEUE["KQ_FILTER_PROC"], KQUEUE["KQ_EV_ADD"], KQUEUE["KQ_NOTE_EXEC"])]

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class Kevent:
    def __init__(self, ident: int, filter: int, flags: int, fflags: int) -> None:
        self.ident, self.filter, self.flags, self.fflags = ident, filter, flags, fflags


KQUEUE: dict[str, Any] = {
    "kqueue": Kqueue,
    "kevent": Kevent,
    "KQ_FILTER_PROC": -5,
    "KQ_EV_ADD": 0x1,
    "KQ_NOTE_EXEC": 0x20000000,
    "KQ_NOTE_EXIT": 0x80000000,
}
_getsockopt = socket.socket.getsockopt


def getsockopt(sock: socket.socket, level: int, option: int, *size: int) -> Any:
    if level != SOL_LOCAL or sock.family != socket.AF_UNIX:
        return _getsockopt(sock, level, option, *size)
    pid, uid, gid = struct.unpack("3i", _getsockopt(sock, socket.SOL_SOCKET, SO_PEERCRED, 12))
    if option == LOCAL_PEERCRED:
        return struct.pack("=2Ih2x16I", 0, uid, 1, gid, *[0] * 15)
    if option == LOCAL_PEERPID:
        return struct.pack("=i", pid)
    assert (option, size) == (LOCAL_PEERTOKEN, (32,))
    try:
        return Entry(pid).token()
    except ProcessLookupError:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None


def become() -> Libc:
    """This process, from here on. What it starts is on Linux again unless it does the same."""
    sysconfig.get_config_vars()  # is read by platform, once
    libc, load = Libc(), ctypes.CDLL
    vars(ctypes)["CDLL"] = lambda name, *rest, **given: load(name, *rest, **given) if name else libc
    vars(sys)["platform"] = "darwin"
    vars(platform)["release"] = lambda: "24.4.0"
    for module, names in LACKS:
        for name in names:
            vars(module).pop(name, None)
    vars(select).update(KQUEUE)
    vars(fcntl)["F_FULLFSYNC"] = 51  # is refused here, as by a file system that does not know it
    setattr(socket.socket, "getsockopt", getsockopt)  # noqa: B010 - mypy would not have it assigned
    sys.addaudithook(_refuse_proc)
    return libc


def side(name: str) -> Any:
    """A module of the macOS side alone, for its own tests in a process that stays on Linux."""
    importlib.import_module(name.rpartition(".")[0])  # chooses Linux
    with patch.object(sys, "platform", "darwin"):
        return importlib.import_module(name)
