"""Restored, copied and replaced databases: their positions are of another history."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition
from finial.registry.join_token import JoinToken
from finial.runtime.clock import SystemClock
from finial.store import Position, Store


def history(path: Path, memory: Path | None, *, renew: bool = False) -> Position:
    """Opens the database, writes once, closes; the position that was reached."""

    async def main() -> Position:
        store = await Store.open(path, clock=SystemClock(), memory=memory)
        try:
            if renew:
                await store.remember()
            position = (await store.create_join_token(JoinToken("t", 1))).position
            await store.take_join_token("t")
        finally:
            await store.close()
        return position

    return asyncio.run(main())


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "history.json"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "datastore.sqlite3"


def test_a_restart_goes_on(path: Path, memory: Path) -> None:
    first, second = history(path, memory), history(path, memory)
    assert second.covers(first) and second.id > first.id


def test_a_file_that_was_replaced_is_another_history(path: Path, memory: Path) -> None:
    first = history(path, memory)
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)
    with pytest.raises(FailedPrecondition, match="another history"):
        history(path, memory).covers(first)


def test_a_file_that_was_restored_in_place_is_another_history(path: Path, memory: Path) -> None:
    history(path, memory)
    backup = path.read_bytes()
    lost = history(path, memory, renew=True)
    with path.open("r+b") as file:  # the same inode
        file.write(backup)
        file.truncate()
    with pytest.raises(FailedPrecondition, match="another history"):
        history(path, memory).covers(lost)


def test_without_a_memory_a_restart_goes_on(path: Path) -> None:
    first = history(path, None)
    assert history(path, None).covers(first)
