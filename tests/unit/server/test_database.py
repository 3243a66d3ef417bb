from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from finial.config.datastore import DataStoreOptions
from finial.errors import Unavailable
from finial.server import database
from finial.server.database import location
from finial.store import Postgres
from finial.testing.server import Running, play, token


def test_a_database_that_is_away_does_not_end_the_keeping_of_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "REMEMBER_EVERY", 0.01)

    async def scene(running: Running) -> None:
        tried = asyncio.Queue[None]()
        answers = [Unavailable("away"), Unavailable("away"), None]

        async def remember() -> None:
            tried.put_nowait(None)
            if (answer := answers.pop(0)) is not None:
                raise answer

        monkeypatch.setattr(running.server.store, "remember", remember)
        await token(running)
        async with asyncio.timeout(5):
            for _ in range(3):
                await tried.get()
        assert sum("Failed to remember the history" in line for line in running.lines) == 2
        assert not running.server.failed.done()

    play(tmp_path, scene)


def test_the_database_is_where_the_options_say(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    assert location(DataStoreOptions(database_type="sqlite3", connection_string=str(path))) == path
    options = DataStoreOptions(
        database_type="postgres",
        connection_string="host=db",
        max_idle_conns=0,
        conn_max_lifetime=timedelta(minutes=1),
    )
    assert location(options) == Postgres("host=db", 100, 0, 60.0, "")
