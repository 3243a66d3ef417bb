"""What a peer does with the facts of its pin, whatever the platform."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from finial.errors import Unavailable
from finial.runtime import process
from finial.runtime.peer.held import Facts, Peer, Process, ended_if_missing

BEGINNING = Facts(5, 6, (7, 8), 9, 10)


class Scripted:
    """A `Hold` that tells what it is given."""

    pid, pidfd = os.getpid(), 99

    def __init__(self, facts: Facts = BEGINNING) -> None:
        self.now = facts
        self.heard = list[object]()

    def facts(self) -> Facts:
        return self.now

    def signal(self, number: signal.Signals) -> None:
        self.heard.append(number)

    async def ended(self) -> None:
        self.heard.append("ended")

    def close(self) -> None:
        self.heard.append("closed")


def test_it_is_who_it_was() -> None:
    peer = Peer(Scripted())
    peer.check()
    assert (peer.pid, peer.uid, peer.gid, peer.pidfd) == (os.getpid(), 5, 6, 99)
    assert peer.start_time == 9
    assert repr(peer) == f"Peer(pid={os.getpid()}, uid=5, gid=6)"


@pytest.mark.parametrize("changed", Facts._fields)
def test_each_fact_that_changes_is_named(changed: str) -> None:
    pin = Scripted()
    peer = Peer(pin)
    other: Any = (0, 1) if changed == "program" else 77
    pin.now = BEGINNING._replace(**{changed: other})
    with pytest.raises(Unavailable, match=f": {changed.replace('_', ' ')} changed since it connected"):
        peer.check()


def test_a_start_time_that_was_not_among_the_facts_is_read_and_proved() -> None:
    pin = Scripted(BEGINNING._replace(start_time=0))
    peer = Peer(pin)
    assert peer.start_time == process.start_time(os.getpid())
    pin.now = BEGINNING
    with pytest.raises(Unavailable, match="start time changed"):
        _ = peer.start_time


@pytest.mark.parametrize(("image", "seen"), [(10, True), (0, False)])
def test_an_exec_is_seen_where_the_image_is(image: int, seen: bool) -> None:
    assert Peer(Scripted(BEGINNING._replace(image=image))).sees_exec is seen


def test_it_is_given_back_once() -> None:
    pin = Scripted()
    peer = Peer(pin)
    peer.on_close(lambda: pin.heard.append("told"))
    before = peer.closed
    peer.close()
    peer.close()
    assert (before, peer.closed) == (False, True)
    assert pin.heard == ["closed", "told"]
    assert peer.pidfd == -1
    with pytest.raises(Unavailable, match="connection has ended"):
        peer.check()


def test_a_process_is_signalled_until_it_is_closed() -> None:
    hold = Scripted()
    held = Process(hold)
    held.signal(signal.SIGTERM)
    asyncio.run(held.ended())
    held.close()
    held.signal(signal.SIGKILL)
    assert hold.heard == [signal.SIGTERM, "ended", "closed"]


def test_what_is_missing_has_ended() -> None:
    for missing in (FileNotFoundError, ProcessLookupError):
        with pytest.raises(Unavailable, match="caller pid 7: process has ended"), ended_if_missing(7):
            raise missing
    with pytest.raises(PermissionError), ended_if_missing(7):
        raise PermissionError
