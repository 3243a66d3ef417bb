from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from finial.runtime.clock import SystemClock
from finial.store import Store
from finial.testing.server import text_of
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a server that has run on its database and stopped."""
    database = tmp_path / "data.sqlite3"
    path = tmp_path / "server.conf"
    path.write_text(text_of(tmp_path))

    async def use() -> None:
        store = await Store.open(database, clock=SystemClock())
        await store.close()

    asyncio.run(use())
    return path


def ours(config: Path) -> int:
    with closing(sqlite3.connect(config.with_name("data.sqlite3"))) as connection:
        query = "SELECT count(*) FROM sqlite_master WHERE name GLOB 'finial_*'"
        return int(connection.execute(query).fetchone()[0])


def test_status_tells_versions_and_that_nothing_is_missing(call: Call, config: Path) -> None:
    done = call("migrate", "status", "-config", str(config))
    assert done.exit == 0
    assert done.out.splitlines() == [
        f"Database           : {config.with_name('data.sqlite3')}",
        "Schema version     : 25",
        "Code version       : 1.15.3",
        "Change log         : version 1",
        "Missing of it      : none",
    ]


def test_status_names_a_missing_trigger_and_fails(call: Call, config: Path) -> None:
    with closing(sqlite3.connect(config.with_name("data.sqlite3"))) as connection:
        connection.execute("DROP TRIGGER finial_insert_bundles")
    done = call("migrate", "status", "-config", str(config), "-output", "json")
    assert done.exit == 1
    assert json.loads(done.out)["missing"] == ["finial_insert_bundles"]


def test_handing_back_is_told_and_done_only_with_yes(call: Call, config: Path) -> None:
    before = ours(config)
    done = call("migrate", "hand-back", "-config", str(config))
    assert (done.exit, ours(config)) == (0, before)
    assert "Nothing was changed; -yes does it." in done.out
    done = call("migrate", "hand-back", "-config", str(config), "-yes")
    assert (done.exit, ours(config)) == (0, 0)
    assert "Removed Finial's change log" in done.out
    assert "holds nothing of Finial's" in call("migrate", "hand-back", "-config", str(config), "-yes").out
    assert "not installed: a stock database" in call("migrate", "status", "-config", str(config)).out


def test_a_database_that_is_open_is_refused_with_the_next_step(call: Call, config: Path) -> None:
    with closing(sqlite3.connect(config.with_name("data.sqlite3"))) as connection:
        connection.execute("SELECT 1 FROM migrations").fetchall()
        for words in ((), ("-yes",)):
            done = call("migrate", "hand-back", "-config", str(config), *words)
            assert done.exit == 1
            assert "is open in another process" in done.err
            assert "hint: stop every server on this database" in done.err
    assert ours(config) > 0


def test_a_connection_string_that_cannot_be_read_is_refused(call: Call, config: Path) -> None:
    config.write_text(config.read_text().replace('"sqlite3"', '"postgres"'))
    done = call("migrate", "status", "-config", str(config))
    assert done.exit == 1
    assert "connection_string cannot be read" in done.err
