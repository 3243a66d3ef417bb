from __future__ import annotations

import pytest

from finial.store import triggers
from finial.store.engine import Transaction
from finial.store.log_sqlite import last_id


def log(tx: Transaction) -> list[tuple[str, str]]:
    return [(kind, key) for kind, key in tx.rows("SELECT kind, key FROM finial_changes ORDER BY id")]


@pytest.mark.parametrize(
    ("table", "values", "change"),
    [
        ("registered_entries", {"entry_id": "e"}, ("entry", "e")),
        ("attested_node_entries", {"spiffe_id": "spiffe://a/n"}, ("node", "spiffe://a/n")),
        (
            "node_resolver_map_entries",
            {"spiffe_id": "spiffe://a/n", "type": "t", "value": "v"},
            ("node", "spiffe://a/n"),
        ),
        ("bundles", {"trust_domain": "spiffe://a"}, ("bundle", "spiffe://a")),
        ("federated_trust_domains", {"trust_domain": "a"}, ("federation", "a")),
        ("join_tokens", {"token": "secret"}, ("token", "1")),
        ("ca_journals", {"data": b""}, ("journal", "1")),
    ],
)
def test_insert_update_and_delete_are_each_a_change(
    tx: Transaction, table: str, values: dict[str, str], change: tuple[str, str]
) -> None:
    tx.insert(table, values)
    assert log(tx) == [change]
    for statement in (f"UPDATE {table} SET updated_at = :now", f"DELETE FROM {table} WHERE :now = :now"):
        before = last_id(tx, "finial_changes")
        tx.run(statement, now=tx.now)
        assert log(tx) == [change]
        assert last_id(tx, "finial_changes") == before + 1


@pytest.mark.parametrize("table", triggers.PARTS_OF_ENTRIES)
def test_what_belongs_to_an_entry_is_a_change_of_it(tx: Transaction, table: str) -> None:
    entry = tx.insert("registered_entries", {"entry_id": "e"})
    tx.insert("registered_entries", {"entry_id": "other"})
    tx.run(f"INSERT INTO {table} (registered_entry_id) VALUES (:entry)", entry=entry)
    assert log(tx) == [("entry", "other"), ("entry", "e")]
    tx.insert("registered_entries", {"entry_id": "third"})
    tx.run(f"DELETE FROM {table}")
    assert log(tx)[-1] == ("entry", "e")


@pytest.mark.parametrize("table", triggers.PARTS_OF_ENTRIES)
def test_what_is_left_of_a_deleted_entry_is_no_change(tx: Transaction, table: str) -> None:
    tx.run(f"INSERT INTO {table} (registered_entry_id) VALUES (99)")
    tx.run(f"DELETE FROM {table}")
    assert log(tx) == []


def test_a_renamed_thing_is_two_changes(tx: Transaction) -> None:
    tx.insert("registered_entries", {"entry_id": "before"})
    tx.run("UPDATE registered_entries SET entry_id = 'after'")
    assert sorted(log(tx)) == [("entry", "after"), ("entry", "before")]


def test_ids_are_never_used_again(tx: Transaction) -> None:
    tx.insert("registered_entries", {"entry_id": "e"})
    tx.run("DELETE FROM finial_changes")
    tx.insert("registered_entries", {"entry_id": "f"})
    assert tx.rows("SELECT id FROM finial_changes") == [(2,)]


def test_the_conflict_clause_of_a_writer_does_not_reach_the_log(tx: Transaction) -> None:
    for _ in range(2):
        tx.run("INSERT OR IGNORE INTO registered_entries (id, entry_id) VALUES (1, 'e')")
        tx.run("INSERT OR REPLACE INTO registered_entries (id, entry_id) VALUES (1, 'e')")
    assert log(tx) == [("entry", "e")]
