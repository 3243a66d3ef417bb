"""Pinning whoever is on the other end, by the platform of this machine."""

from __future__ import annotations

import os
import socket

import pytest

from finial.errors import Unavailable
from finial.runtime import peer
from finial.runtime.peer import Facts, names_connected, peer_uid, pin, pin_process


class Connected:
    pid, pidfd = 7, -1

    def __init__(self) -> None:
        self.closed = 0

    def facts(self) -> Facts:
        return Facts(1, 2, (0, 0), 0, 0)

    def close(self) -> None:
        self.closed += 1


def test_this_process_on_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        found = pin(ours)
        assert (found.pid, found.uid, found.gid) == (os.getpid(), os.geteuid(), os.getegid())
        assert peer_uid(ours) == os.geteuid()
        found.close()


@pytest.mark.parametrize("told", [(7, 9, 2), (7, 1, 9)])
def test_a_user_other_than_the_one_who_connected_is_refused(
    monkeypatch: pytest.MonkeyPatch, told: tuple[int, int, int]
) -> None:
    held = Connected()
    monkeypatch.setattr(peer, "credentials", lambda _: told)
    monkeypatch.setattr(peer, "connected", lambda *_, **__: held)
    with socket.socket() as sock:
        with pytest.raises(Unavailable, match="user or group changed since it connected"):
            pin(sock)
        monkeypatch.setattr(peer, "credentials", lambda _: (7, 1, 2))
        assert held.closed == 1
        assert pin(sock).pid == 7


def test_pid_zero_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "credentials", lambda _: (0, 1, 2))
    with socket.socket() as sock, pytest.raises(Unavailable, match="another pid namespace") as caught:
        pin(sock)
    assert "hostPID" in str(caught.value.hint)


def test_a_process_by_its_number() -> None:
    found = pin_process(os.getpid())
    found.check()
    assert found.uid == os.geteuid()
    found.close()
    with pytest.raises((Unavailable, OSError)):
        pin_process(2**22 + 1)


def test_this_kernel_is_asked() -> None:
    assert names_connected() in (True, False)
