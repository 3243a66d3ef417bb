"""Holding on to a process on macOS: audit tokens for callers, start times for what we started. Not tried on
hardware.

LOCAL_PEERTOKEN (macOS 11) tells who used the other end of a Unix socket last: its pid, user and group, and
the version of its pid, another with each fork and exec. It is asked of the socket itself each time, so that
nothing is looked up by number. A process that was lent the socket is told in place of the one that
connected, once it reads, writes or polls; Linux shows only who connected.

There is no pidfd. A process by number is the one with that start time, in microseconds; kqueues tell of its
execs and of its end. Source: XNU 11417 `bsd/sys/un.h`, `bsd/kern/uipc_usrreq.c` (`uipc_ctloutput`), `kern_prot.c`
(`proc_calc_audit_token`), `kern_exec.c` (`p_idversion`), `kern_event.c` (`filt_procattach`).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import socket
import struct
import sys
from asyncio.trsock import TransportSocket

from finial.errors import Unavailable
from finial.runtime import process
from finial.runtime.peer.held import HIDDEN, Facts, ended_if_missing

assert sys.platform == "darwin"  # noqa: S101 - tells mypy, too

SOL_LOCAL = 0
LOCAL_PEERCRED, LOCAL_PEERPID, LOCAL_PEERTOKEN = 1, 2, 6
XUCRED = struct.Struct("=2Ih2x16I")  # version, effective user, number of groups, groups: effective first
XUCRED_VERSION = 0
AUDIT_TOKEN = struct.Struct("=5Ii2I")  # audit user, euid, egid, ruid, rgid, pid, session, version of the pid
NO_PROCESS = errno.EINVAL  # what LOCAL_PEERTOKEN answers for a pid that nobody has
NOT_CONNECTED = (errno.ENOTCONN, errno.EBADF)


class Connected:
    """Implements `held.Pin`. The socket is its owner's; once that closes it, nobody is connected."""

    __slots__ = ("_sock", "pid")
    pidfd = -1

    def __init__(self, sock: socket.socket | TransportSocket, pid: int) -> None:
        self._sock, self.pid = sock, pid

    def facts(self) -> Facts:
        """Whatever it execs has another image, and needs no right to be seen."""
        token = _ask(self._sock, LOCAL_PEERTOKEN, AUDIT_TOKEN.size, self.pid)
        _, uid, gid, _, _, pid, _, version = AUDIT_TOKEN.unpack(token)
        if pid != self.pid:
            raise Unavailable(f"caller pid {self.pid}: pid {pid} uses its connection by now")
        return Facts(uid, gid, HIDDEN, 0, version)

    def close(self) -> None:
        """Nothing of the kernel's is held."""


class Numbered:
    """Implements `held.Hold`."""

    __slots__ = ("_execs", "_image", "_start_time", "pid")
    pidfd = -1

    def __init__(self, pid: int) -> None:
        """Raises: Unavailable for a process that has ended."""
        self.pid, self._image = pid, 1
        with ended_if_missing(pid):
            self._execs = _watch(pid, select.KQ_NOTE_EXEC)
            try:
                self._start_time = process.start_time(pid)
            except BaseException:
                self._execs.close()
                raise

    def facts(self) -> Facts:
        with ended_if_missing(self.pid):
            uid, gid, _ = process.ids(self.pid)
            start_time = process.start_time(
                self.pid
            )  # after what is asked by number: whose rights those were
        self._image += len(self._execs.control(None, 1, 0))
        return Facts(uid, gid, HIDDEN, start_time, self._image)

    def signal(self, number: signal.Signals) -> None:
        """A number that is given out between the look and the signal is hit: there is no call for both."""
        if self._lives():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        try:
            watching = _watch(self.pid, select.KQ_NOTE_EXIT)
        except ProcessLookupError:
            return
        with contextlib.closing(watching) as queue:
            if not self._lives():  # looked at after the kqueue has the number: no end is missed
                return
            loop.add_reader(queue.fileno(), over.set)
            try:
                await over.wait()
            finally:
                loop.remove_reader(queue.fileno())

    def close(self) -> None:
        self._execs.close()

    def _lives(self) -> bool:
        try:
            return process.start_time(self.pid) == self._start_time
        except (FileNotFoundError, ProcessLookupError):
            return False


def _watch(pid: int, what: int) -> select.kqueue:
    """Raises: ProcessLookupError."""
    queue = select.kqueue()
    try:
        queue.control([select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, what)], 0)
    except BaseException:
        queue.close()
        raise
    return queue


def credentials(sock: socket.socket | TransportSocket) -> tuple[int, int, int]:
    """Process that used the other end last, and user and group that connected."""
    (pid,) = struct.unpack("=i", _ask(sock, LOCAL_PEERPID, 4))
    version, uid, _, gid, *_ = XUCRED.unpack(_ask(sock, LOCAL_PEERCRED, XUCRED.size, pid))
    if version != XUCRED_VERSION:
        raise Unavailable(f"caller pid {pid}: credentials of unknown version {version}")
    return pid, uid, gid


def connected(sock: socket.socket | TransportSocket, pid: int, *, deep: bool) -> Connected:
    """An exec is always seen, `deep` or not."""
    return Connected(sock, pid)


def numbered(pid: int, pidfd: int, *, deep: bool) -> Numbered:
    """Raises: Unavailable if it has ended, OSError for what may not be looked at."""
    return Numbered(pid)


def names_connected() -> bool:
    """Whether the kernel names the process that connected by more than its number."""
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        try:
            return len(one.getsockopt(SOL_LOCAL, LOCAL_PEERTOKEN, AUDIT_TOKEN.size)) == AUDIT_TOKEN.size
        except OSError:
            return False


def _ask(sock: socket.socket | TransportSocket, option: int, size: int, pid: int = 0) -> bytes:
    """A whole record of that size. Raises: Unavailable."""
    caller = f"caller pid {pid}" if pid else "caller"
    try:
        found = sock.getsockopt(SOL_LOCAL, option, size)
    except OSError as why:
        if why.errno in NOT_CONNECTED:
            raise Unavailable(f"{caller}: has left its connection") from why
        if why.errno == NO_PROCESS:
            raise Unavailable(f"{caller}: process has ended") from why
        raise Unavailable(f"{caller}: {(why.strerror or str(why)).lower()}") from why
    if len(found) != size:
        raise Unavailable(f"{caller}: {len(found)} bytes of credentials instead of {size}")
    return found
