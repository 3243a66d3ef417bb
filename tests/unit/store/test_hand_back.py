from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from finial import SPIRE_VERSION
from finial.errors import FailedPrecondition, Internal, NotFound
from finial.runtime.clock import SystemClock
from finial.store import Store, schema, triggers
from finial.store.dialect import SQLITE
from finial.store.hand_back import Status, hand_back, inspect

CLOCK = SystemClock()


def run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [row for one in statements for row in connection.execute(one)]


def dump(path: Path) -> list[tuple[object, ...]]:
    return run(path, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name")


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    path = tmp_path / "data.sqlite3"
    version = f"INSERT INTO migrations (version, code_version) VALUES ({schema.VERSION}, '{SPIRE_VERSION}')"
    run(path, "PRAGMA journal_mode = WAL", *schema.statements(SQLITE), version)
    return path


@pytest.fixture
def used(stock: Path) -> Path:
    """By a Finial server that has stopped."""

    async def use() -> None:
        store = await Store.open(stock, clock=CLOCK, memory=stock.with_name("memory"))
        await store.close()

    asyncio.run(use())
    return stock


def test_a_stock_database_holds_nothing_of_ours_and_is_left_as_it_is(stock: Path) -> None:
    before = dump(stock)
    found = inspect(stock)
    assert found == Status(schema.VERSION, SPIRE_VERSION)
    assert not found.complete
    hand_back(stock)
    assert dump(stock) == before


def test_a_used_database_is_complete(used: Path) -> None:
    found = inspect(used)
    assert (found.change_log, found.missing, found.complete) == (triggers.VERSION, (), True)


def test_what_is_missing_is_named(used: Path) -> None:
    run(used, "DROP TRIGGER finial_insert_bundles")
    found = inspect(used)
    assert (found.missing, found.complete) == (("finial_insert_bundles",), False)


def test_handing_back_leaves_the_schema_of_the_stock_server(stock: Path) -> None:
    before = dump(stock)

    async def use() -> None:
        store = await Store.open(stock, clock=CLOCK)
        await store.close()

    asyncio.run(use())
    assert dump(stock) != before
    hand_back(stock)
    assert dump(stock) == before


def test_handing_back_works_where_half_of_it_is_gone(used: Path) -> None:
    run(used, "DROP TABLE finial_changes")
    hand_back(used)
    assert inspect(used).change_log is None


def test_it_is_refused_while_a_server_that_does_nothing_has_the_database_open(used: Path) -> None:
    before = dump(used)

    async def beside_a_server() -> None:
        store = await Store.open(used, clock=CLOCK)
        try:
            assert inspect(used).complete
            with pytest.raises(FailedPrecondition, match="is open in another process"):
                hand_back(used)
        finally:
            await store.close()

    asyncio.run(beside_a_server())
    assert dump(used) == before
    hand_back(used)
    assert inspect(used).change_log is None


@pytest.mark.parametrize("point", ["statement", "commit"])
def test_a_crash_leaves_all_of_it(used: Path, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(name: str) -> None:
        if name == f"hand_back.{point}":
            raise RuntimeError(name)

    before = dump(used)
    monkeypatch.setattr("finial.runtime.fault.point", crash)
    with pytest.raises(RuntimeError):
        hand_back(used)
    assert dump(used) == before


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all" * 100)
    with pytest.raises(Internal, match="file is not a database"):
        inspect(tmp_path / "text")


def test_no_file_and_another_programs_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no database file"):
        inspect(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    run(tmp_path / "other", "CREATE TABLE bundles (x)")
    with pytest.raises(FailedPrecondition, match="is no database of SPIRE or Finial"):
        inspect(tmp_path / "other")
