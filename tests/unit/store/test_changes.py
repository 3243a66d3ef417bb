from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition
from finial.runtime.clock import SystemClock
from finial.store import migrate
from finial.store.changes import Changes
from finial.store.engine_sqlite import SqliteEngine, connect
from finial.store.log import Change, Kind
from finial.store.position import Position
from finial.testing.clock import VirtualClock

EPOCH = blake2b(b"e ", digest_size=16).digest()
START = Position(EPOCH, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.sqlite3"


def using(path: Path, work: Callable[[SqliteEngine, Changes], Awaitable[None]]) -> None:
    async def main() -> None:
        engine = await SqliteEngine.open(path, SystemClock())
        try:
            await migrate.prepare(engine)
            engine._identity = ""  # not that of a file, so that the epoch is known
            await engine.write(
                "w", lambda tx: tx.run("UPDATE finial_state SET value = 'e' WHERE name = 'epoch'")
            )
            async with asyncio.timeout(20):
                await work(engine, Changes(engine))
        finally:
            await engine.close()

    asyncio.run(main())


async def put(engine: SqliteEngine, entry_id: str) -> None:
    await engine.write("w", lambda tx: tx.insert("registered_entries", {"entry_id": entry_id}))


async def gone(engine: SqliteEngine, entry_id: str) -> None:
    sql = "DELETE FROM registered_entries WHERE entry_id = :id"
    await engine.write("w", lambda tx: tx.run(sql, id=entry_id))


def test_each_changed_thing_is_read_once_in_order_of_its_last_change(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        for entry_id in ("a", "b"):
            await put(engine, entry_id)
        await engine.write(
            "w", lambda tx: tx.run("UPDATE registered_entries SET hint = 'x' WHERE entry_id = 'a'")
        )
        found, position = await changes.read(START)
        assert found == [Change(Kind.ENTRY, "b"), Change(Kind.ENTRY, "a")]
        assert await changes.read(position) == ([], position)
        assert await changes.position() == position

    using(path, work)


@pytest.mark.parametrize("position", [Position(b"o" * 16, 0), Position(EPOCH, 99)])
def test_a_position_of_another_history_is_refused(path: Path, position: Position) -> None:
    async def work(_: SqliteEngine, changes: Changes) -> None:
        with pytest.raises(FailedPrecondition, match="position of another history"):
            await changes.read(position)
        with pytest.raises(FailedPrecondition, match="position of another history"):
            await changes.wait(position)

    using(path, work)


def test_wait_returns_at_once_when_there_is_something(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        await put(engine, "a")
        await changes.wait(START)

    using(path, work)


def test_a_commit_wakes_all_that_wait(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(changes.wait(START))
            await asyncio.sleep(0)
            changes.woken()  # for nothing: they look, and wait on
            await put(engine, "a")
            changes.woken()

    using(path, work)


def test_the_commit_of_another_connection_is_noticed_by_the_poll(path: Path) -> None:
    async def work(_: SqliteEngine, changes: Changes) -> None:
        clock = VirtualClock()
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(changes.notice(clock, 0.02))
            waiting = group.create_task(changes.wait(START))
            await clock.advance(0.1)
            assert not waiting.done()
            other = connect(path)
            other.execute("INSERT INTO registered_entries (entry_id) VALUES ('a')")
            other.close()
            await clock.advance(0.02)
            await waiting
            polling.cancel()

    using(path, work)


def test_trim_drops_what_is_gone_and_seen_and_refuses_who_stood_before(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        for entry_id in ("a", "b", "c"):
            await put(engine, entry_id)
        await gone(engine, "b")
        _, behind = await changes.read(START)
        await gone(engine, "c")
        assert await changes.trim([behind, await changes.position()]) == 1
        found, _ = await changes.read(behind)
        assert found == [Change(Kind.ENTRY, "c")]
        with pytest.raises(FailedPrecondition, match="position of another history"):
            await changes.read(START)
        assert await changes.trim([await changes.position()]) == 1

    using(path, work)


def test_trim_without_followers_keeps_everything(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        await put(engine, "a")
        await gone(engine, "a")
        assert await changes.trim([]) == 0
        assert await changes.trim([Position(b"o" * 16, 99)]) == 0
        assert len((await changes.read(START))[0]) == 1

    using(path, work)


def test_what_was_read_to_its_end_is_waited_on_without_another_look(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        _, position = await changes.read(START)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(changes.wait(position))
            await asyncio.sleep(0)
            await put(engine, "a")
            assert not waiting.done()
            changes.woken()

    using(path, work)


def test_a_commit_during_the_read_is_not_slept_through(path: Path) -> None:
    async def work(engine: SqliteEngine, changes: Changes) -> None:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(changes.read(START))
            await asyncio.sleep(0)
            changes.woken()
            await put(engine, "a")
        _, position = reading.result()
        if position == START:
            await changes.wait(position)  # looks, and returns

    using(path, work)
