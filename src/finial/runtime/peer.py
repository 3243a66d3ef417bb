"""Who is on the other end of a Unix socket: a connected socket in, a pinned process out.

The kernel keeps the credentials of the process that called connect(). SO_PEERPIDFD (Linux 6.5) names that
very process; a number alone could be another's by now. Fork, exec and setuid change what the number means
afterwards, so a peer is pinned before a byte is read and checked again before each answer.

Linux, by what the kernel has: the pidfd itself tells user and group (PIDFD_GET_INFO, 6.13), else
/proc/PID/status; without SO_PEERPIDFD the pidfd is opened by number, and a pid reused between connect and
accept goes unseen. A pidfd that is alive *after* /proc was read by number proves whose /proc that was.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Iterator
from typing import NamedTuple

from finial.errors import Unavailable

SO_PEERPIDFD = getattr(socket, "SO_PEERPIDFD", 77)
PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, struct pidfd_info of 64 bytes)
PIDFD_INFO = struct.Struct("QQ11Ii")  # mask, cgroup, pid, tgid, ppid, ruid, rgid, euid, egid, ..., exit code
PIDFD_INFO_PID, PIDFD_INFO_CREDS = 0b01, 0b10
HIDDEN = (0, 0)  # the program of another user's process that cannot be traced, asked without privilege


class Facts(NamedTuple):
    """What must stay as it was at accept. The last two are 0 where they were not asked for."""

    uid: int  # effective
    gid: int  # effective
    program: tuple[int, int]  # device and inode of the executable: exec changes it, fork does not
    start_time: int  # clock ticks since boot: tells a reused number where no pidfd can
    stack: int  # where the stack begins: exec of the same program changes it


class Peer:
    """A process as it was when it connected; a `plugin.kinds.WorkloadProcess`.

    Whoever has it owns its pidfd: `close` it when the connection ends.
    """

    __slots__ = ("_deep", "_facts", "_on_close", "gid", "pid", "pidfd", "uid")

    def __init__(self, pid: int, pidfd: int, facts: Facts, *, deep: bool) -> None:
        self.pid, self.uid, self.gid, self.pidfd = pid, facts.uid, facts.gid, pidfd
        self._facts, self._deep = facts, deep
        self._on_close: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"Peer(pid={self.pid}, uid={self.uid}, gid={self.gid})"

    @property
    def start_time(self) -> int:
        """Clock ticks between boot and the process's start. Raises: Unavailable if it has ended."""
        if self._facts.start_time:
            return self._facts.start_time
        with _ended_if_missing(self.pid):
            start_time, _ = _read_stat(self.pid)
        self.check()
        return start_time

    @property
    def sees_exec(self) -> bool:
        """Whether an exec of the very same program is noticed: asked for with `deep`, and allowed."""
        return bool(self._facts.stack)

    def check(self) -> None:
        """Raises: Unavailable unless it is still the process that connected, with the same program and user."""
        if self.pidfd < 0:
            raise Unavailable(f"caller pid {self.pid}: connection has ended")
        now = _read_facts(self.pidfd, self.pid, deep=self._deep)
        _require_alive(self.pidfd, self.pid)
        for name, was, found in zip(Facts._fields, self._facts, now, strict=True):
            if was != found:
                raise Unavailable(
                    f"caller pid {self.pid}: {name.replace('_', ' ')} changed since it connected"
                )

    def on_close(self, tell: Callable[[], None]) -> None:
        """`tell` is called once, at `close`: the listener counts connections by it."""
        self._on_close = tell

    def close(self) -> None:
        """Gives the pidfd back; a second call does nothing."""
        if self.pidfd < 0:
            return
        os.close(self.pidfd)
        self.pidfd = -1
        if self._on_close is not None:
            self._on_close()


def pin(sock: socket.socket | TransportSocket, *, deep: bool = False) -> Peer:
    """Call right after accept. `deep` also sees a program that execs itself: for callers whose program is a
    shared interpreter; it needs the right to trace them (root, or the same user).

    Raises: Unavailable for a caller that ended, changed, or is in another pid namespace. Source of the
    credentials: SO_PEERCRED, unix(7).
    """
    pid, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if pid == 0:
        raise Unavailable(
            "caller pid 0: the process is in another pid namespace",
            hint="share the host's pid namespace with the agent (hostPID in Kubernetes)",
        )
    pidfd = _peer_pidfd(sock, pid)
    try:
        peer = pin_process(pid, pidfd, deep=deep)
        if (peer.uid, peer.gid) != (uid, gid):
            raise Unavailable(f"caller pid {pid}: user or group changed since it connected")
        return peer
    except BaseException:
        os.close(pidfd)
        raise


def pin_process(pid: int, pidfd: int, *, deep: bool = False) -> Peer:
    """A process by a pidfd of it that was passed on, owned by the peer once this returns.

    Raises: Unavailable for a process that has ended, or a pidfd of another; the pidfd is then the caller's.
    """
    facts = _read_facts(pidfd, pid, deep=deep)
    _require_alive(pidfd, pid)
    return Peer(pid, pidfd, facts, deep=deep)


def _peer_pidfd(sock: socket.socket | TransportSocket, pid: int) -> int:
    try:
        return sock.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    except OSError as why:
        if why.errno not in (errno.ENOPROTOOPT, errno.EOPNOTSUPP):
            raise Unavailable(f"caller pid {pid}: {(why.strerror or 'no pidfd').lower()}") from why
    with _ended_if_missing(pid):
        return os.pidfd_open(pid)


def _require_alive(pidfd: int, pid: int) -> None:
    """A pidfd is readable once its process has ended, be it reaped or a zombie."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    if poller.poll(0):
        raise Unavailable(f"caller pid {pid}: process has ended")


def _read_facts(pidfd: int, pid: int, *, deep: bool) -> Facts:
    user = _user_by_pidfd(pidfd, pid)
    with _ended_if_missing(pid):
        start_time, stack = _read_stat(pid) if user is None or deep else (0, 0)
        uid, gid = user or _read_status(pid)
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
    mask, _, _, process, _, _, _, uid, gid, *_ = PIDFD_INFO.unpack(info)
    if not mask & PIDFD_INFO_CREDS:
        return None
    if process != pid:
        raise Unavailable(f"caller pid {pid}: its descriptor names another process")
    return uid, gid


def _read_stat(pid: int) -> tuple[int, int]:
    """Start time (field 22) and start of the stack (28; 0 without the right to trace): proc(5)."""
    stat = _read(f"/proc/{pid}/stat")
    # The name, field 2, may hold spaces and parentheses: fields count from the last one.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return int(fields[19]), int(fields[25])


def _read_status(pid: int) -> tuple[int, int]:
    """Not the owner of a file there: that is root for every process that is not dumpable."""
    lines = _read(f"/proc/{pid}/status").splitlines()
    values = {name: rest.split() for name, _, rest in (line.partition(b":") for line in lines)}
    return int(values[b"Uid"][1]), int(values[b"Gid"][1])


def _read_program(pid: int) -> tuple[int, int]:
    try:
        found = os.stat(f"/proc/{pid}/exe")
    except PermissionError:
        return HIDDEN
    return found.st_dev, found.st_ino


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _ended_if_missing(pid: int) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, ProcessLookupError) as why:
        raise Unavailable(f"caller pid {pid}: process has ended") from why
