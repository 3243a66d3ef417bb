from __future__ import annotations

import pytest

from finial.errors import FailedPrecondition
from finial.store.engine import Transaction
from finial.store.log import Change, Kind
from finial.store.log_sqlite import SqliteLog, last_id
from finial.store.position import Position

LOG = SqliteLog()


def test_a_thing_that_changed_twice_comes_once_at_the_end(tx: Transaction) -> None:
    before = LOG.here(tx)
    for entry_id in ("a", "b"):
        tx.insert("registered_entries", {"entry_id": entry_id})
    tx.run("UPDATE registered_entries SET hint = 'h' WHERE entry_id = 'a'")
    changes, position = LOG.read(tx, before)
    assert changes == [Change(Kind.ENTRY, "b"), Change(Kind.ENTRY, "a")]
    assert position == LOG.here(tx) and position.id == last_id(tx, "finial_changes")


def test_a_history_that_begins_again_refuses_earlier_positions(tx: Transaction) -> None:
    before = LOG.here(tx)
    tx.insert("registered_entries", {"entry_id": "a"})
    LOG.restart(tx)
    with pytest.raises(FailedPrecondition, match="another history"):
        LOG.check(tx, before)
    assert LOG.read(tx, LOG.here(tx))[0] == []


def test_trim_heeds_no_follower_of_another_history(tx: Transaction) -> None:
    tx.insert("registered_entries", {"entry_id": "a"})
    tx.run("DELETE FROM registered_entries")
    assert LOG.trim(tx, [Position(b"x" * 16, 99)]) == 0
    assert LOG.trim(tx, [LOG.here(tx)]) == 1
