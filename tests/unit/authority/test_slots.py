"""Where the authorities of one kind are, and when the next is due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finial.authority.journal import Status, X509CaRecord
from finial.authority.slots import DAY, Kind, Slots, other_slot

TTL = 6000
ACTIVE = X509CaRecord("A", 0, TTL, b"", (), Status.ACTIVE, "active")
PREPARED = replace(ACTIVE, slot_id="B", status=Status.PREPARED, authority_id="prepared")
OLD = replace(PREPARED, status=Status.OLD, authority_id="old")


def test_kinds_and_slots_name_the_keys() -> None:
    assert [kind.key_id(slot) for kind in Kind for slot in "AB"] == [
        "x509-CA-A", "x509-CA-B", "JWT-Signer-A", "JWT-Signer-B",
    ]  # fmt: skip


def test_of_two_active_records_the_newest_counts() -> None:
    slots = Slots.load([ACTIVE, replace(ACTIVE, slot_id="B", authority_id="new")], lambda record: True)
    assert slots.current is not None and slots.current.authority_id == "new"


def test_what_is_not_usable_is_passed_over() -> None:
    records = [ACTIVE, replace(ACTIVE, authority_id="lost"), OLD, replace(PREPARED, authority_id="lost")]
    assert Slots.load(records, lambda record: record.authority_id != "lost") == Slots(ACTIVE, OLD)


def test_the_second_slot_holds_the_prepared_or_else_the_old_one() -> None:
    assert (Slots(ACTIVE, PREPARED).prepared, Slots(ACTIVE, PREPARED).old) == (PREPARED, None)
    assert (Slots(ACTIVE, OLD).prepared, Slots(ACTIVE, OLD).old) == (None, OLD)


@pytest.mark.parametrize(
    ("slots", "free"),
    [
        (Slots(), "A"),
        (Slots(None, PREPARED), "A"),
        (Slots(ACTIVE, OLD), "B"),
        (Slots(replace(ACTIVE, slot_id="B")), "A"),
    ],
)
def test_the_free_slot_is_never_the_active_ones(slots: Slots[X509CaRecord], free: str) -> None:
    assert slots.free_slot == free
    assert other_slot(other_slot(free)) == free


@pytest.mark.parametrize(
    ("lifetime", "prepare_at", "activate_at"),
    [(6000, 3000, 5000), (60 * DAY, 30 * DAY, 53 * DAY), (300 * DAY, 270 * DAY, 293 * DAY)],
)
def test_thresholds(lifetime: int, prepare_at: int, activate_at: int) -> None:
    current = replace(ACTIVE, not_after=lifetime)
    assert [Slots(current).should_prepare(now) for now in (prepare_at, prepare_at + 1)] == [False, True]
    both = Slots(current, replace(PREPARED, issued_at=prepare_at, not_after=prepare_at + lifetime))
    assert not both.should_prepare(activate_at)
    assert [both.must_activate(now) for now in (activate_at, activate_at + 1)] == [False, True]


def test_what_was_published_late_has_a_sixth_of_its_life_unless_the_current_one_ends() -> None:
    late = Slots(ACTIVE, replace(PREPARED, issued_at=5100, not_after=5100 + 600))
    assert [late.must_activate(now) for now in (5200, 5201)] == [False, True]
    later = Slots(ACTIVE, replace(PREPARED, issued_at=5700, not_after=5700 + TTL))
    assert [later.must_activate(now) for now in (5750, 5751)] == [False, True]


def test_without_an_active_one_the_prepared_one_does_not_wait() -> None:
    assert Slots(None, PREPARED).must_activate(0)
    assert not Slots(None, OLD).must_activate(TTL)
    assert Slots(None, OLD).should_prepare(0)
