from __future__ import annotations

from finial.store import events
from finial.store.engine import Transaction


def test_pruning_takes_old_events_of_both_kinds_in_any_zone(tx: Transaction) -> None:
    for table, column in (
        ("registered_entries_events", "entry_id"),
        ("attested_node_entries_events", "spiffe_id"),
    ):
        for name, stamp in (
            ("old", "1970-01-01 00:16:39.9+00:00"),
            ("old, Tokyo", "1970-01-01 09:16:39+09:00"),
            ("new", "1970-01-01 00:16:40+00:00"),
            ("new, Tokyo", "1970-01-01 09:16:41+09:00"),
        ):
            tx.insert(table, {column: name, "created_at": stamp})
    assert events.prune(tx, 1000) == 4
    assert tx.rows("SELECT entry_id FROM registered_entries_events") == [("new",), ("new, Tokyo",)]
