"""The schema against facts that were read from a database of a stock SPIRE 1.15.3 server."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from finial.runtime.clock import SystemClock
from finial.store import Store

FACTS = Path(__file__).with_name("sqlite-schema.txt")


def describe(connection: sqlite3.Connection) -> Iterator[str]:
    """Tables with columns, types, NOT NULL, defaults, primary keys, foreign keys, indexes; sorted by name."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'finial_%' ORDER BY name"
    for (table,) in connection.execute(query).fetchall():
        yield f"table {table}"
        for _, name, kind, required, default, key in connection.execute(f"PRAGMA table_info({table})"):
            yield f"    column {name} {kind} notnull={required} default={default} key={key}"
        yield from (
            f"    foreign key {row}" for row in connection.execute(f"PRAGMA foreign_key_list({table})")
        )
        for _, name, unique, origin, partial in sorted(
            connection.execute(f"PRAGMA index_list({table})"), key=lambda row: str(row[1])
        ):
            columns = [row[2] for row in connection.execute(f"PRAGMA index_info({name})")]
            yield f"    index {name} unique={unique} origin={origin} partial={partial} on {', '.join(columns)}"


def test_is_that_of_the_stock_server(tmp_path: Path) -> None:
    async def create() -> None:
        await (await Store.open(tmp_path / "t", clock=SystemClock())).close()

    asyncio.run(create())
    connection = sqlite3.connect(tmp_path / "t")
    assert "\n".join(describe(connection)) + "\n" == FACTS.read_text()
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    assert connection.execute("PRAGMA application_id").fetchone() == (0,)
    connection.close()
