from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from finial.errors import AlreadyExists, Internal, Unavailable
from finial.runtime import fault
from finial.runtime.clock import SystemClock
from finial.store.engine import Transaction
from finial.store.engine_sqlite import MAX_PARAMETERS, SqliteEngine, connect, translated
from finial.store.fault import STAGES
from finial.store.log_sqlite import last_id

CREATE = "CREATE TABLE t (id integer primary key autoincrement, created_at, updated_at, v unique)"


def using(path: Path, work: Callable[[SqliteEngine], Awaitable[None]]) -> None:
    """`work` on an engine whose file has one table."""

    async def main() -> None:
        engine = await SqliteEngine.open(path, SystemClock())
        try:
            await engine.write("create", lambda tx: tx.run(CREATE))
            await work(engine)
        finally:
            await engine.close()

    asyncio.run(main())


def values(tx: Transaction) -> list[object]:
    return [value for (value,) in tx.rows("SELECT v FROM t ORDER BY id")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.sqlite3"


def test_the_file_has_the_mode_and_pragmas_of_spire(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        mask = os.umask(0o022)
        os.umask(mask)
        for suffix in ("", "-wal", "-shm"):
            mode = stat.S_IMODE(path.with_name(path.name + suffix).stat().st_mode)
            assert mode == 0o640 & ~mask, suffix
        assert await engine.read(lambda tx: tx.row("PRAGMA journal_mode")) == ("wal",)
        assert await engine.read(lambda tx: tx.row("PRAGMA synchronous")) == (1,)
        assert await engine.read(lambda tx: tx.row("PRAGMA foreign_keys")) == (1,)

    using(path, work)
    assert list(path.parent.iterdir()) == [path]  # folded into the file


def test_a_write_is_seen_by_the_next_read(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        assert await engine.write("w", lambda tx: tx.insert("t", {"v": "x"})) == 1
        assert await engine.read(values) == ["x"]

    using(path, work)


def test_a_read_cannot_write(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        with pytest.raises(Unavailable, match="readonly database"):
            await engine.read(lambda tx: tx.insert("t", {"v": "x"}))

    using(path, work)


def test_many_may_open_a_new_file_at_once(path: Path) -> None:
    async def work() -> None:
        engines = await asyncio.gather(*(SqliteEngine.open(path, SystemClock()) for _ in range(8)))
        for engine in engines:
            await engine.close()

    asyncio.run(work())


def test_a_failed_write_leaves_nothing(path: Path) -> None:
    def fails(tx: Transaction) -> None:
        tx.insert("t", {"v": "x"})
        raise ValueError("no")

    async def work(engine: SqliteEngine) -> None:
        with pytest.raises(ValueError, match="no"):
            await engine.write("w", fails)
        assert await engine.read(values) == []
        await engine.write("w", lambda tx: tx.insert("t", {"v": "y"}))  # the connection is fine

    using(path, work)


def test_a_broken_constraint_already_exists(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))
        with pytest.raises(AlreadyExists) as caught:
            await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))
        assert str(caught.value) == "datastore-sql: UNIQUE constraint failed: t.v"

    using(path, work)


def test_an_attempt_that_fails_takes_back_its_own_rows_only(path: Path) -> None:
    def write(tx: Transaction) -> object:
        tx.insert("t", {"v": "kept"})
        return tx.attempt(lambda: tx.insert_all("t", ("v",), [("new",), ("kept",)]))

    async def work(engine: SqliteEngine) -> None:
        assert isinstance(await engine.write("w", write), AlreadyExists)
        assert await engine.read(values) == ["kept"]

    using(path, work)


def test_more_rows_than_a_statement_has_parameters_come_in_order(path: Path) -> None:
    count = MAX_PARAMETERS + 10

    async def work(engine: SqliteEngine) -> None:
        await engine.write("w", lambda tx: tx.insert_all("t", ("v",), ((n,) for n in range(count))))
        assert await engine.read(values) == list(range(count))
        assert await engine.read(lambda tx: last_id(tx, "t")) == count

    using(path, work)


def test_a_write_that_is_cancelled_before_it_began_never_begins(path: Path) -> None:
    gate = threading.Event()

    async def work(engine: SqliteEngine) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.write("first", lambda _: gate.wait(10)))
            waiting = group.create_task(engine.write("second", lambda tx: tx.insert("t", {"v": "x"})))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            gate.set()
        assert waiting.cancelled()
        assert await engine.read(values) == []

    using(path, work)


def test_a_write_that_is_cancelled_while_it_runs_has_ended_when_its_caller_hears(path: Path) -> None:
    begun, gate = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> int:
        begun.set()
        assert gate.wait(10)
        return tx.insert("t", {"v": "x"})

    async def work(engine: SqliteEngine) -> None:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(engine.write("w", slow))
            await asyncio.to_thread(begun.wait, 10)
            writing.cancel()
            await asyncio.sleep(0)
            assert not writing.done()
            writing.cancel()  # once more changes nothing
            gate.set()
            await asyncio.wait([writing])
        assert writing.cancelled()
        assert await engine.read(values) == ["x"]

    using(path, work)


def test_close_finishes_what_was_handed_over_and_refuses_more(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(engine.write("w", lambda tx, number=number: tx.insert("t", {"v": number})))  # type: ignore[misc]
            await asyncio.sleep(0)
            group.create_task(engine.close())
        with pytest.raises(Unavailable, match="the datastore is closed"):
            await engine.read(values)

    using(path, work)
    connection = connect(path)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (20,)
    connection.close()


def test_the_version_changes_with_each_commit_only(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        before = engine.version()
        assert engine.version() == before
        await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))
        assert engine.version() != before

    using(path, work)


def test_every_write_passes_its_fault_points(path: Path) -> None:
    heard: list[str] = []

    async def work(engine: SqliteEngine) -> None:
        with fault.hooked(heard.append):
            await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))

    using(path, work)
    assert heard == [f"w.{stage}" for stage in STAGES]


def test_a_locked_database_is_unavailable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "finial.store.engine_sqlite.connect", lambda path, patience=0.0: connect(path, patience=0.0)
    )

    async def work(engine: SqliteEngine) -> None:
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="datastore-sql: database is locked") as caught:
            await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))
        assert caught.value.hint is not None
        other.close()
        await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))

    using(path, work)


def test_a_full_disk_is_unavailable_and_nothing_is_half_written(path: Path) -> None:
    def fill(tx: Transaction) -> None:
        for _ in range(100):
            tx.insert("t", {"v": os.urandom(4096)})

    async def work(engine: SqliteEngine) -> None:
        # SQLITE_FULL, as from the file system: the writing connection may not grow the file.
        engine._writer.execute("PRAGMA max_page_count = 20")
        with pytest.raises(Unavailable, match="database or disk is full") as caught:
            await engine.write("w", fill)
        assert "free space" in (caught.value.hint or "")
        assert await engine.read(values) == []
        await engine.write("w", lambda tx: tx.insert("t", {"v": "x"}))

    using(path, work)


@pytest.mark.parametrize("there", ["no folder", "a folder"])
def test_a_place_that_cannot_hold_a_database_is_unavailable(tmp_path: Path, there: str) -> None:
    path = tmp_path / "none" / "t" if there == "no folder" else tmp_path
    with pytest.raises(Unavailable, match="unable to open database file") as caught:
        asyncio.run(SqliteEngine.open(path, SystemClock()))
    assert caught.value.hint is not None


def test_a_file_that_is_no_database_is_internal_and_stays_as_it_is(path: Path) -> None:
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(Internal, match="file is not a database") as caught:
        asyncio.run(SqliteEngine.open(path, SystemClock()))
    assert caught.value.hint is not None
    assert path.read_bytes() == b"something else" * 1000


def test_a_corrupt_page_is_internal(path: Path) -> None:
    async def work(engine: SqliteEngine) -> None:
        await engine.write("w", lambda tx: tx.insert_all("t", ("v",), ((n,) for n in range(5000))))

    using(path, work)
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)

    async def read() -> None:
        engine = await SqliteEngine.open(path, SystemClock())
        try:
            with pytest.raises(Internal, match="malformed") as caught:
                await engine.read(values)
            assert "backup" in (caught.value.hint or "")
        finally:
            await engine.close()

    asyncio.run(read())


def test_a_read_only_file_is_unavailable() -> None:
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY | 5 << 8  # an extended code
    assert isinstance(translated(error), Unavailable)
    assert isinstance(translated(sqlite3.ProgrammingError("x")), Internal)
