from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from finial import SPIRE_VERSION
from finial.errors import FailedPrecondition, FinialError, Internal
from finial.runtime.clock import SystemClock
from finial.store import migrate, schema
from finial.store.dialect import SQLITE
from finial.store.engine import Engine
from finial.store.engine_sqlite import SqliteEngine


def using(path: Path, *steps: Callable[[Engine], Awaitable[object]]) -> None:
    async def main() -> None:
        engine = await SqliteEngine.open(path, SystemClock())
        try:
            for step in steps:
                await step(engine)
        finally:
            await engine.close()

    asyncio.run(main())


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows


def stock(path: Path, version: int = schema.VERSION, code: str = SPIRE_VERSION) -> list[tuple[object, ...]]:
    """A database as a stock server leaves it; its schema."""
    for statement in schema.statements(SQLITE):
        query(path, statement)
    query(path, f"INSERT INTO migrations (version, code_version) VALUES ({version}, '{code}')")
    return dump(path)


def dump(path: Path) -> list[tuple[object, ...]]:
    return query(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")


def versions(path: Path) -> tuple[object, ...]:
    (row,) = query(path, "SELECT id, version, code_version FROM migrations")
    return row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.sqlite3"


def test_an_empty_database_is_created(path: Path) -> None:
    using(path, migrate.prepare)
    assert versions(path) == (1, 25, "1.15.3")


def test_preparing_again_changes_nothing(path: Path) -> None:
    using(path, migrate.prepare)
    before = dump(path)
    using(path, migrate.prepare)
    assert (dump(path), versions(path)) == (before, (1, 25, "1.15.3"))


def test_hand_back_leaves_the_schema_of_the_stock_server(path: Path) -> None:
    before = stock(path)
    using(path, migrate.prepare)
    assert dump(path) != before
    using(path, migrate.hand_back)
    assert dump(path) == before
    assert query(path, "SELECT name FROM sqlite_sequence WHERE name LIKE 'finial%'") == []


@pytest.mark.parametrize(
    ("version", "code", "after"),
    [
        (25, "1.15.0", "1.15.3"),
        (25, "1.15.9", "1.15.9"),
        (25, "1.15.3-dev-unk", "1.15.3"),
        (25, "", "1.15.3"),
        (26, "1.16.0", "1.16.0"),
    ],
)
def test_a_schema_that_fits_is_used(path: Path, version: int, code: str, after: str) -> None:
    stock(path, version, code)
    using(path, migrate.prepare)
    assert versions(path) == (1, version, after)


@pytest.mark.parametrize(
    ("version", "code", "kind", "message"),
    [
        (
            22,
            "1.7.2",
            FailedPrecondition,
            "migrating from schema version 22 requires a previous SPIRE release",
        ),
        (26, "1.17.0", FailedPrecondition, "incompatible DB schema and code version"),
        (26, "2.15.0", FailedPrecondition, "incompatible DB schema and code version"),
        (25, "one", Internal, 'error getting DB code version: "one" is not a version'),
    ],
)
def test_a_schema_that_does_not_fit_is_left_as_it_is(
    path: Path, version: int, code: str, kind: type[FinialError], message: str
) -> None:
    before = stock(path, version, code)
    with pytest.raises(kind, match=f"datastore-sql: {message}"):
        using(path, migrate.prepare)
    assert (dump(path), versions(path)) == (before, (1, version, code))


@pytest.mark.parametrize(("version", "code"), [(23, "1.13.5"), (24, "1.14.7")])
def test_an_older_schema_gets_the_columns_that_it_lacks(path: Path, version: int, code: str) -> None:
    stock(path, version, code)
    table_columns = [f"SELECT name, type FROM pragma_table_info('{table.name}')" for table in schema.TABLES]
    current = [query(path, one) for one in table_columns]
    for table, column in older(version):
        query(path, f"ALTER TABLE {table} DROP COLUMN {column}")
    query(path, "INSERT INTO registered_entries (entry_id) VALUES ('kept')")
    using(path, migrate.prepare)
    assert [query(path, one) for one in table_columns] == current
    assert versions(path) == (1, 25, "1.15.3")
    assert query(path, "SELECT entry_id, additional_attributes FROM registered_entries") == [("kept", None)]


def older(version: int) -> list[tuple[str, str]]:
    """What a schema of that version lacks."""
    return [(table, column) for added, (table, column, _) in migrate.ADDED.items() if added > version]


async def prepare_only(engine: Engine) -> None:
    await migrate.prepare(engine, migrates=False)


def test_without_migration_what_is_complete_or_empty_is_used(path: Path) -> None:
    using(path, prepare_only)
    before = dump(path)
    using(path, prepare_only)
    assert dump(path) == before
    query(path, "UPDATE migrations SET version = 26, code_version = '1.16.0'")
    using(path, prepare_only)
    assert dump(path) == before


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (25, "the database has no change log of Finial, and migration is disabled"),
        (24, "auto-migration must be enabled for current DB"),
        (22, "migrating from schema version 22 requires a previous SPIRE release"),
    ],
)
def test_without_migration_what_would_need_it_is_left_as_it_is(
    path: Path, version: int, message: str
) -> None:
    before = stock(path, version, "1.14.0")
    with pytest.raises(FailedPrecondition, match=message):
        using(path, prepare_only)
    assert (dump(path), versions(path)) == (before, (1, version, "1.14.0"))


def test_without_migration_missing_triggers_are_refused(path: Path) -> None:
    using(path, migrate.prepare)
    query(path, "DROP TRIGGER finial_insert_bundles")
    before = dump(path)
    with pytest.raises(FailedPrecondition, match="triggers of the change log are missing"):
        using(path, prepare_only)
    assert dump(path) == before


def test_somebody_elses_database_is_left_as_it_is(path: Path) -> None:
    query(path, "CREATE TABLE bundles (x)")
    before = dump(path)
    with pytest.raises(FailedPrecondition, match='has a table "bundles" but no table "migrations"'):
        using(path, migrate.prepare)
    assert dump(path) == before


def test_a_change_log_of_another_version_is_refused(path: Path) -> None:
    using(path, migrate.prepare)
    query(path, "UPDATE finial_state SET value = '2' WHERE name = 'schema'")
    with pytest.raises(FailedPrecondition, match="the change log has version 2, this release knows 1"):
        using(path, migrate.prepare)


@pytest.mark.parametrize("missing", ["finial_insert_bundles", "finial_delete_selectors"])
def test_missing_triggers_are_installed_and_a_new_history_begins(path: Path, missing: str) -> None:
    using(path, migrate.prepare)
    before = dump(path)
    epoch = query(path, "SELECT value FROM finial_state WHERE name = 'epoch'")
    query(path, f"DROP TRIGGER {missing}")
    using(path, migrate.prepare)
    assert dump(path) == before
    assert query(path, "SELECT value FROM finial_state WHERE name = 'epoch'") != epoch


def test_a_pre_release_is_older_than_its_release() -> None:
    assert migrate.release("1.15.3-dev-unk") < migrate.release("1.15.3") < migrate.release("1.16.0")
