"""Which entries need an SVID, and in what order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from finial.agent.answer import HeldSvid
from finial.agent.due import DueEntries
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid.x509 import X509Svid

AGENT = SpiffeId.parse("spiffe://example.org/spire/agent/a")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START.timestamp()


class Desk:
    """Entries, SVIDs and askers, as their owner changes them."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.held: dict[str, HeldSvid] = {}
        self.asked: dict[str, int] = {}
        self.due = DueEntries(self.entries, self.held, self.asked)

    def put(self, name: str, *, prefetched: bool = True, to_store: bool = False) -> None:
        spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
        entry = Entry(name, spiffe_id, AGENT, (Selector("t", name),))
        self.entries[name] = replace(entry, disable_x509_svid_prefetch=not prefetched, store_svid=to_store)
        self.due.file(name)

    def sign(self, name: str, *, renew_in: float = 1800.0, lives: float = 3600.0) -> None:
        entry = self.entries[name]
        svid = X509Svid(
            entry.spiffe_id, (b"leaf",), START, START + timedelta(seconds=lives), 1, b"public key"
        )
        self.held[name] = HeldSvid(svid, b"key", entry.revision_number, entry.created_at, NOW + renew_in)
        self.due.signed(name, self.held[name])

    def ask(self, name: str) -> None:
        self.asked[name] = self.asked.get(name, 0) + 1
        self.due.file(name)

    def names(self, after: float = 0.0, room: int = 10) -> list[str]:
        return [one.entry.id for one in self.due.at(NOW + after, room)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_who_waits_comes_first_then_what_expires_first_then_what_nobody_asks_for(desk: Desk) -> None:
    for name in ("idle", "long", "short", "asked"):
        desk.put(name)
    desk.sign("long", renew_in=1, lives=900)
    desk.sign("short", renew_in=2, lives=300)
    desk.ask("asked")
    assert desk.names(after=2) == ["asked", "short", "long", "idle"]
    assert desk.due.waiting == 1


def test_room_is_for_what_nobody_asks_for_alone(desk: Desk) -> None:
    desk.put("idle")
    desk.put("asked")
    desk.ask("asked")
    assert desk.names(room=0) == ["asked"]


def test_the_expiry_in_hand_is_told(desk: Desk) -> None:
    desk.put("new")
    desk.put("old")
    desk.sign("old", renew_in=0, lives=60)
    assert [one.expires_at for one in desk.due.at(NOW, 10)] == [START + timedelta(seconds=60), None]


def test_nothing_is_fetched_ahead_for_an_entry_that_says_so_or_goes_to_a_store(desk: Desk) -> None:
    desk.put("lazy", prefetched=False)
    desk.put("stored", to_store=True)
    assert desk.names() == []
    desk.ask("lazy")
    assert desk.names() == ["lazy"]


def test_an_svid_is_due_at_its_time_and_not_before(desk: Desk) -> None:
    desk.put("a")
    desk.sign("a", renew_in=100)
    assert desk.due.next_renewal() == NOW + 100
    assert (desk.names(99.9), desk.names(100)) == ([], ["a"])
    assert desk.due.next_renewal() is None


def test_a_changed_entry_is_due(desk: Desk) -> None:
    desk.put("a")
    desk.sign("a")
    desk.entries["a"] = replace(desk.entries["a"], revision_number=1)
    desk.due.file("a")
    assert desk.names() == ["a"]


def test_a_taint_lasts_until_there_is_another_svid(desk: Desk) -> None:
    desk.put("a")
    desk.sign("a")
    desk.due.taint(["a"])
    assert (desk.names(), desk.due.tainted) == (["a"], {"a"})
    desk.sign("a")
    assert (desk.names(), desk.due.tainted) == ([], set())


def test_a_taint_ends_with_the_svid(desk: Desk) -> None:
    desk.put("a")
    desk.sign("a")
    desk.due.taint(["a"])
    del desk.held["a"]
    desk.due.file("a")
    assert (desk.names(), desk.due.tainted) == (["a"], set())


def test_an_entry_that_is_gone_is_not_due(desk: Desk) -> None:
    desk.put("a")
    desk.ask("a")
    del desk.entries["a"]
    desk.due.file("a")
    assert desk.names() == []


def test_a_clock_that_was_ahead_takes_back_what_was_due_by_it(desk: Desk) -> None:
    desk.put("a")
    desk.sign("a")
    assert desk.names(after=24 * 3600) == ["a"]
    assert desk.names() == []
    assert desk.due.next_renewal() == NOW + 1800


def test_many_signatures_leave_no_trail_of_old_ages(desk: Desk) -> None:
    desk.put("a")
    for number in range(1000):
        desk.sign("a", renew_in=1000 + number)
    assert len(desk.due._ages) < 100
    assert desk.due.next_renewal() == NOW + 1999


def test_what_begins_after_a_clock_that_was_set_back_is_signed_anew_once(desk: Desk) -> None:
    desk.put("early")
    desk.sign("early")
    assert desk.names() == []
    assert desk.names(after=-600.0) == ["early"]
    desk.sign("early")  # by a server whose clock is still ahead
    assert desk.names(after=-599.0) == []
    assert desk.names(after=1.0) == []
