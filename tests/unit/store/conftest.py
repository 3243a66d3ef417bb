"""A transaction on a fresh database in memory, with SPIRE's tables and the change log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from finial.store import schema, triggers
from finial.store.dialect import SQLITE
from finial.store.engine import Transaction
from finial.store.engine_sqlite import SqliteTransaction

NOW, UNIX = "2026-11-21 08:31:39.674442+00:00", 1795249899


@pytest.fixture
def tx() -> Iterator[Transaction]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*schema.statements(SQLITE), *triggers.statements()):
        connection.execute(statement)
    connection.execute("INSERT INTO finial_state VALUES ('epoch', 'e'), ('floor', '0'), ('schema', '1')")
    connection.execute("BEGIN IMMEDIATE")
    yield SqliteTransaction(connection, "test", NOW, UNIX)
    connection.close()
