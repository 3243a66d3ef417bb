"""The schema on PostgreSQL against facts that were read from a database of a stock SPIRE 1.15.3 server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg

from finial.runtime.clock import SystemClock
from finial.store import Store, migrate, schema
from finial.store.dialect import POSTGRES
from finial.testing import postgres

FACTS = Path(__file__).with_name("postgres-schema.txt")
TABLES = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    " AND NOT starts_with(table_name, 'finial_') ORDER BY table_name COLLATE \"C\""
)
COLUMNS = (
    "SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)"
    " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
    " WHERE attrelid = CAST(%s AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
CONSTRAINTS = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conrelid = CAST(%s AS regclass) AND contype <> 'n' ORDER BY conname COLLATE \"C\""
)
INDEXES = (
    "SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes"
    ' WHERE schemaname = current_schema() AND tablename = %s ORDER BY indexname COLLATE "C"'
)
SEQUENCES = (
    "SELECT sequencename, data_type, start_value, increment_by, cache_size FROM pg_sequences"
    ' WHERE schemaname = current_schema() ORDER BY sequencename COLLATE "C"'
)


def describe(dsn: str) -> Iterator[str]:
    """Tables with columns, types, defaults, constraints and indexes; then sequences; sorted by name."""
    with psycopg.connect(dsn) as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            yield f"table {table}"
            for name, kind, required, default in connection.execute(COLUMNS, (table,)):
                yield f"    column {name} {kind} notnull={required} default={default}"
            for name, text in connection.execute(CONSTRAINTS, (table,)):
                yield f"    constraint {name} {text}"
            for (text,) in connection.execute(INDEXES, (table,)):
                yield f"    {text}"
        for name, kind, *numbers in connection.execute(SEQUENCES):
            yield f"sequence {name} {kind} start={numbers[0]} step={numbers[1]} cache={numbers[2]}"


def test_is_that_of_the_stock_server(cluster: postgres.Cluster) -> None:
    async def create(dsn: str) -> None:
        await (await Store.open(dsn, clock=SystemClock())).close()

    with cluster.schema() as dsn:
        asyncio.run(create(dsn))
        assert "\n".join(describe(dsn)) + "\n" == FACTS.read_text()


def test_an_older_one_is_migrated_to_that(cluster: postgres.Cluster) -> None:
    async def create(dsn: str) -> None:
        await (await Store.open(dsn, clock=SystemClock())).close()

    with cluster.schema() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in schema.statements(POSTGRES):
                connection.execute(statement.encode())
            for table, column, _ in migrate.ADDED.values():
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}".encode())
            connection.execute("INSERT INTO migrations (version, code_version) VALUES (23, '1.13.5')")
        asyncio.run(create(dsn))
        assert "\n".join(describe(dsn)) + "\n" == FACTS.read_text()
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT version FROM migrations").fetchall() == [(25,)]
