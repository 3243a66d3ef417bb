"""Holding on to a process on Linux: pidfds.

The kernel keeps the credentials of the process that called connect(). SO_PEERPIDFD (Linux 6.5) names that
very process. By what the kernel has: the pidfd itself tells user and group (PIDFD_GET_INFO, 6.13), else
/proc/PID/status; without SO_PEERPIDFD the pidfd is opened by number, and a pid reused between connect and
accept goes unseen. A pidfd that is alive *after* /proc was read by number proves whose /proc that was.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
from asyncio.trsock import TransportSocket

from finial.errors import Unavailable
from finial.runtime.peer.held import HIDDEN, Facts, ended_if_missing
from finial.runtime.process import linux as process

assert sys.platform == "linux"  # noqa: S101 - tells mypy, too

SO_PEERPIDFD = getattr(socket, "SO_PEERPIDFD", 77)
PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info of 64 bytes)
PIDFD_INFO = struct.Struct("QQ11Ii")  # mask, cgroup, pid, tgid, ppid, ruid, rgid, euid, egid, ..., exit code
PIDFD_INFO_PID, PIDFD_INFO_CREDS = 0b01, 0b10


class Pidfd:
    """Implements `held.Hold`."""

    __slots__ = ("_deep", "pid", "pidfd")

    def __init__(self, pid: int, pidfd: int, *, deep: bool) -> None:
        self.pid, self.pidfd, self._deep = pid, pidfd, deep

    def facts(self) -> Facts:
        found = _read_facts(self.pidfd, self.pid, deep=self._deep)
        if _readable(self.pidfd):
            raise Unavailable(f"caller pid {self.pid}: process has ended")
        return found

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    async def ended(self) -> None:
        """Waits on a copy: a loop knows one reader for each descriptor."""
        if _readable(self.pidfd):
            return
        loop = asyncio.get_running_loop()
        copy, over = os.dup(self.pidfd), asyncio.Event()
        loop.add_reader(copy, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(copy)
            os.close(copy)

    def close(self) -> None:
        os.close(self.pidfd)


def credentials(sock: socket.socket | TransportSocket) -> tuple[int, int, int]:
    """Process, user and group that connected; the process is 0 outside our pid namespace. Source: unix(7)."""
    pid, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid, gid


def connected(sock: socket.socket | TransportSocket, pid: int, *, deep: bool) -> Pidfd:
    """Raises: Unavailable if it has ended."""
    return Pidfd(pid, _peer_pidfd(sock, pid), deep=deep)


def numbered(pid: int, pidfd: int, *, deep: bool) -> Pidfd:
    """Raises: Unavailable if it has ended, OSError for what is no process."""
    if pidfd >= 0:
        return Pidfd(pid, pidfd, deep=deep)
    with ended_if_missing(pid):
        return Pidfd(pid, os.pidfd_open(pid), deep=deep)


def names_connected() -> bool:
    """Whether the kernel names the process that connected by more than its number."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        try:
            os.close(one.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD))
        except OSError:
            return False
    return True


def _peer_pidfd(sock: socket.socket | TransportSocket, pid: int) -> int:
    try:
        return sock.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError as why:
        if why.errno not in (errno.ENOPROTOOPT, errno.EOPNOTSUPP):
            raise Unavailable(f"caller pid {pid}: {(why.strerror or 'no pidfd').lower()}") from why
    with ended_if_missing(pid):
        return os.pidfd_open(pid)


def _readable(pidfd: int) -> bool:
    """A pidfd is readable once its process has ended, be it reaped or a zombie."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(0))


def _read_facts(pidfd: int, pid: int, *, deep: bool) -> Facts:
    user = _user_by_pidfd(pidfd, pid)
    with ended_if_missing(pid):
        start_time, stack = process.stat(pid) if user is None or deep else (0, 0)
        uid, gid = user or process.ids(pid)[:2]
        return Facts(uid, gid, _read_program(pid), start_time, stack if deep else 0)


def _user_by_pidfd(pidfd: int, pid: int) -> tuple[int, int] | None:
    """Effective user and group, in one call and without /proc; None on kernels before 6.13."""
    info = bytearray(PIDFD_INFO.size)
    struct.pack_into("Q", info, 0, PIDFD_INFO_PID | PIDFD_INFO_CREDS)
    try:
        fcntl.ioctl(pidfd, PIDFD_GET_INFO, info)
    except OSError as why:
        if why.errno == errno.ESRCH:
            raise Unavailable(f"caller pid {pid}: process has ended") from why
        return None
    mask, _, _, found, _, _, _, uid, gid, *_ = PIDFD_INFO.unpack(info)
    if not mask & PIDFD_INFO_CREDS:
        return None
    if found != pid:
        raise Unavailable(f"caller pid {pid}: its descriptor names another process")
    return uid, gid


def _read_program(pid: int) -> tuple[int, int]:
    """HIDDEN for another user's process that cannot be traced, asked without privilege."""
    try:
        found = os.stat(process.image(pid))
    except PermissionError:
        return HIDDEN
    return found.st_dev, found.st_ino
