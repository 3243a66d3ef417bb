"""Real processes that connect and then end, fork, exec, or change their user while the socket stays open."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from finial.errors import Unavailable
from finial.runtime.peer import Peer, linux, pin

assert sys.platform == "linux", "tests of the Linux side"

pytestmark = [pytest.mark.interop, pytest.mark.slow]
PATIENCE = 20.0
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes its user")
WAIT = "signal.pause()"
HIDE = "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534); ctypes.CDLL(None).prctl(4, 0)"


class Caller:
    """A process that connects, says "up", waits for a line and then does `after`."""

    def __init__(self, path: Path, after: str, before: str) -> None:
        code = f"""
            import ctypes, os, signal, socket, sys
            {before}
            s = socket.socket(socket.AF_UNIX)
            s.connect({str(path)!r})
            print("up", flush=True)
            sys.stdin.readline()
            {after}
        """
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.line() == "up"

    def line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, "the caller is silent"
        return self.process.stdout.readline().decode().strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def await_end(self) -> None:
        """Ended, but not reaped: a zombie."""
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


class Place:
    """A listening socket and the processes around it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o777)
        self.listener.listen(4)
        self.listener.settimeout(PATIENCE)
        self.cleanup = contextlib.ExitStack()
        self.cleanup.callback(self.listener.close)

    def caller(self, after: str = WAIT, before: str = "pass") -> Caller:
        made = Caller(self.path, after, before)
        self.cleanup.callback(made.end)
        return made

    def accept(self) -> socket.socket:
        accepted, _ = self.listener.accept()
        return self.cleanup.enter_context(accepted)

    def pinned(self, *, deep: bool = True) -> Peer:
        found = pin(self.accept(), deep=deep)
        self.cleanup.callback(found.close)
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    # Another user must be able to walk to the socket.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    made = Place(tmp_path / "peer.sock")
    with made.cleanup:
        yield made


@pytest.fixture(params=["newest kernel", "fallback"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "fallback":
        monkeypatch.setattr(linux, "PIDFD_GET_INFO", 0xC040FF7F)
        monkeypatch.setattr(linux, "SO_PEERPIDFD", 9999)
    return name


def until(condition: Callable[[], bool]) -> None:
    """Waits on the scheduler, not on the clock: what is waited for happens in another process."""
    for _ in range(2_000_000):
        if condition():
            return
        os.sched_yield()
    raise AssertionError("the caller did not get there")


def refused(peer: Peer) -> str:
    with pytest.raises(Unavailable) as caught:
        peer.check()
    return str(caught.value).partition(": ")[2]


def test_caller_that_lives_is_answered(place: Place) -> None:
    caller = place.caller()
    peer = place.pinned()
    assert peer.pid == caller.process.pid
    peer.check()


def test_caller_whose_child_keeps_the_socket_is_refused_once_it_ends(place: Place) -> None:
    caller = place.caller("os.fork() and os._exit(0)\n            signal.pause()")
    peer = place.pinned()
    caller.go()
    caller.await_end()
    assert refused(peer) == "process has ended"
    caller.process.wait()
    assert refused(peer) == "process has ended"


def test_caller_that_execs_another_program_is_refused(place: Place) -> None:
    caller = place.caller("s.set_inheritable(True); os.execv('/bin/sleep', ['sleep', '60'])")
    peer = place.pinned(deep=False)
    before = os.readlink(f"/proc/{peer.pid}/exe")
    caller.go()
    until(lambda: os.readlink(f"/proc/{peer.pid}/exe") != before)
    assert refused(peer) == "program changed since it connected"


def test_caller_that_execs_its_own_program_is_seen_by_a_deep_pin_only(place: Place) -> None:
    again = "print('again', flush=True); import signal; signal.pause()"
    after = f"s.set_inheritable(True); os.execv(sys.executable, [sys.executable, '-c', {again!r}])"
    caller = place.caller(after)
    accepted = place.accept()
    deep, shallow = pin(accepted, deep=True), pin(accepted)
    caller.go()
    assert caller.line() == "again"
    shallow.check()
    assert refused(deep) == "image changed since it connected"
    deep.close()
    shallow.close()


@needs_root
@pytest.mark.parametrize(("call", "what"), [("os.setresuid", "uid"), ("os.setresgid", "gid")])
def test_caller_that_changes_its_user_is_refused(place: Place, call: str, what: str) -> None:
    caller = place.caller(f"{call}(65534, 65534, 65534); print('changed', flush=True); {WAIT}")
    peer = place.pinned(deep=False)
    caller.go()
    assert caller.line() == "changed"
    assert refused(peer) == f"{what} changed since it connected"


@needs_root
def test_caller_that_is_not_dumpable_is_answered_under_its_own_user(place: Place) -> None:
    place.caller(before=HIDE)
    peer = place.pinned()
    assert (peer.uid, peer.gid) == (65534, 65534)
    assert os.stat(f"/proc/{peer.pid}/status").st_uid == 0  # why an owner in /proc says nothing
    peer.check()


def test_caller_whose_child_writes_is_answered_while_it_lives(place: Place) -> None:
    """Nobody can see this: the child speaks as its parent."""
    caller = place.caller(f"os.fork() and signal.pause(); s.send(b'child'); {WAIT}")
    accepted = place.accept()
    peer = pin(accepted)
    caller.go()
    accepted.settimeout(PATIENCE)
    assert accepted.recv(5) == b"child"
    peer.check()
    peer.close()


@pytest.mark.parametrize("reaped", [False, True], ids=["zombie", "reaped"])
def test_caller_that_ended_before_accept_is_refused(place: Place, reaped: bool) -> None:
    caller = place.caller("os._exit(0)")
    caller.go()
    if reaped:
        caller.process.wait()
    else:
        caller.await_end()
    with pytest.raises(Unavailable, match=r": process has ended$"):
        place.pinned()
