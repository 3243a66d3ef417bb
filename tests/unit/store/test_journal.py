from __future__ import annotations

import pytest

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.errors import NotFound
from finial.store import journal
from finial.store.engine import Transaction
from finial.store.journal import StoredJournal


def one(ca_end: int, key_end: int) -> Journal:
    return Journal(
        (X509CaRecord("A", 1, ca_end, b"ca", (), Status.ACTIVE, "ab12"),),
        (JwtKeyRecord("A", 1, key_end, "kid", b"key", Status.ACTIVE, "kid"),),
    )


def test_a_row_a_server_is_made_and_replaced(tx: Transaction) -> None:
    made = journal.put(tx, None, one(5, 5), "ab12")
    assert journal.load(tx) == [made] == [StoredJournal(1, one(5, 5), "ab12")]
    changed = journal.put(tx, made.id, one(6, 6), "cd34")
    assert journal.load(tx) == [changed]
    journal.put(tx, None, one(7, 7), "ef56")
    assert len(journal.load(tx)) == 2
    assert tx.rows("SELECT DISTINCT active_jwt_authority_id FROM ca_journals") == [("",)]


def test_a_first_row_that_is_written_twice_is_one(tx: Transaction) -> None:
    """The commit of the first time was not confirmed."""
    journal.put(tx, None, one(5, 5), "ab12")
    again = journal.put(tx, None, one(6, 6), "ab12")
    assert journal.load(tx) == [again]


def test_a_row_that_was_pruned_is_not_found(tx: Transaction) -> None:
    with pytest.raises(NotFound, match="record not found"):
        journal.put(tx, 9, one(5, 5), "ab12")


def test_pruning_takes_those_without_anything_valid(tx: Transaction) -> None:
    for ends in ((10, 10), (11, 10), (10, 11)):
        journal.put(tx, None, one(*ends), "")
    assert journal.prune(tx, 10) == [1]
    assert [row.id for row in journal.load(tx)] == [2, 3]
