from __future__ import annotations

import sqlite3

from finial.store import schema
from finial.store.dialect import SQLITE


def test_has_the_thirteen_tables_of_spire() -> None:
    assert len(schema.TABLES) == 13
    assert {table.name for table in schema.TABLES} >= {"registered_entries", "bundles", "migrations"}


def test_every_statement_runs_and_makes_a_table_or_an_index() -> None:
    connection = sqlite3.connect(":memory:")
    statements = list(schema.statements(SQLITE))
    for statement in statements:
        connection.execute(statement)
    query = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    assert connection.execute(query).fetchone()[0] == len(statements)
    connection.close()


def test_columns_follow_the_base_ones_but_in_the_join_table() -> None:
    names = {table.name: table.names for table in schema.TABLES}
    assert names["join_tokens"] == ("id", "created_at", "updated_at", "token", "expiry")
    assert names["federated_registration_entries"] == ("bundle_id", "registered_entry_id")
