"""Pinning of a connected process, by each way that a kernel may have."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from finial.errors import Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.runtime.peer import linux, pin, pin_process

assert sys.platform == "linux", "tests of the Linux side"

UNKNOWN_OPTION = 9999
UNKNOWN_IOCTL = 0xC040FF7F


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    """A socket whose other end is this very process."""
    one, other = socket.socketpair()
    with one, other:
        yield one


@pytest.fixture(params=["newest kernel", "before 6.13", "before 6.5"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name != "newest kernel":
        monkeypatch.setattr(linux, "PIDFD_GET_INFO", UNKNOWN_IOCTL)
    if name == "before 6.5":
        monkeypatch.setattr(linux, "SO_PEERPIDFD", UNKNOWN_OPTION)
    return name


class Claiming:
    """A socket whose kernel names these credentials."""

    def __init__(self, sock: socket.socket, pid: int, uid: int, gid: int) -> None:
        self._sock, self._credentials = sock, struct.pack("3i", pid, uid, gid)

    def getsockopt(self, level: int, option: int, *size: int) -> Any:
        if option == socket.SO_PEERCRED:
            return self._credentials
        return self._sock.getsockopt(level, option, *size)


def claiming(sock: socket.socket, pid: int, uid: int | None = None, gid: int | None = None) -> Any:
    return Claiming(sock, pid, os.geteuid() if uid is None else uid, os.getegid() if gid is None else gid)


@pytest.mark.usefixtures("kernel")
def test_process_is_known_and_stays_good(ours: socket.socket) -> None:
    found: WorkloadProcess = pin(ours, deep=True)
    found.check()
    assert (found.pid, found.uid, found.gid) == (os.getpid(), os.geteuid(), os.getegid())


@pytest.mark.usefixtures("kernel")
def test_start_time_is_told_deep_or_not(ours: socket.socket) -> None:
    with open("/proc/self/stat") as stat:
        expected = int(stat.read().rpartition(")")[2].split()[19])
    assert pin(ours).start_time == pin(ours, deep=True).start_time == expected


@pytest.mark.usefixtures("kernel")
def test_descriptor_is_given_back_once(ours: socket.socket) -> None:
    before = os.listdir("/proc/self/fd")
    closed = list[str]()
    found = pin(ours)
    found.on_close(lambda: closed.append("closed"))
    found.close()
    found.close()
    assert os.listdir("/proc/self/fd") == before
    assert closed == ["closed"]
    with pytest.raises(Unavailable, match="connection has ended"):
        found.check()


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("claim", [{"uid": 12345}, {"gid": 12345}])
def test_other_user_than_the_socket_says_is_refused(ours: socket.socket, claim: dict[str, int]) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Unavailable, match="user or group changed since it connected"):
        pin(claiming(ours, os.getpid(), **claim))
    assert os.listdir("/proc/self/fd") == before


def test_descriptor_of_another_process_is_refused(ours: socket.socket) -> None:
    with pytest.raises(Unavailable, match="its descriptor names another process"):
        pin(claiming(ours, os.getppid()))


def test_number_that_nobody_has_is_refused(ours: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "SO_PEERPIDFD", UNKNOWN_OPTION)
    with pytest.raises(Unavailable, match="process has ended"):
        pin(claiming(ours, 2**22 - 1))


def test_process_named_by_its_pidfd_is_pinned_and_owned() -> None:
    pidfd = os.pidfd_open(os.getpid())
    found = pin_process(os.getpid(), pidfd, deep=True)
    found.check()
    assert (found.pid, found.uid) == (os.getpid(), os.geteuid())
    found.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pidfd)


def test_pidfd_of_another_process_is_refused_and_stays_the_callers() -> None:
    pidfd = os.pidfd_open(os.getppid())
    with pytest.raises(Unavailable, match="its descriptor names another process"):
        pin_process(os.getpid(), pidfd)
    os.close(pidfd)


def test_program_that_may_not_be_read_is_no_fault(
    ours: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: str) -> os.stat_result:
        raise PermissionError

    monkeypatch.setattr(os, "stat", denied)
    found = pin(ours)
    found.check()
    found.close()
