from __future__ import annotations

from dataclasses import replace

import pytest

from finial.store.dialect import SQLITE
from finial.store.engine import Transaction, lock
from finial.store.engine_sqlite import SqliteTransaction


def test_a_database_with_one_writer_needs_no_lock(tx: Transaction) -> None:
    assert lock(tx, "bundles", "trust_domain", "spiffe://none")


def test_elsewhere_a_row_that_is_not_there_is_not_locked(
    tx: SqliteTransaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteTransaction, "dialect", replace(SQLITE, for_update=" LIMIT 1"))
    tx.insert("bundles", {"trust_domain": "spiffe://a"})
    assert lock(tx, "bundles", "trust_domain", "spiffe://a")
    assert not lock(tx, "bundles", "trust_domain", "spiffe://none")
