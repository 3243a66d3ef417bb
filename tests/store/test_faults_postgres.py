"""Every write to PostgreSQL, interrupted at each of its fault points, is there in full or not at all.

At a point the server's process of the connection ends, the connection is cut, the server's answer is lost, or the
write fails by itself: each at the stages that are passed once, and in turn at the statements. What is left must be the
state before, or once it is committed the state after; the caller is told so, or that nobody knows; and the next write
succeeds.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import cycle, product
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import psycopg
import pytest
from psycopg.abc import PQGen
from tests.store.writes import OPERATIONS, STARTS_EMPTY, prepare

from finial.errors import AlreadyExists, FinialError, NotFound, Unavailable
from finial.registry.join_token import JoinToken
from finial.runtime import fault
from finial.runtime.clock import SystemClock
from finial.store import Committed, Store, postgres_connection, postgres_pool, schema
from finial.store.location import FEWEST_CONNECTIONS, Postgres
from finial.store.postgres_connection import Connection
from finial.testing import postgres

pytestmark = pytest.mark.slow
MAYBE = "may have been made"
TABLES = [*(table.name for table in schema.TABLES), "finial_changes", "finial_state"]
NUMBERED = [table.name for table in schema.TABLES if not table.primary_key]
WITHOUT_TABLES = {"schema.hand_back", "schema.prepare"}  # before or after
RANDOM = "name NOT LIKE 'lineage.%' AND name <> 'epoch'"
COUNTS_ON = {"agents.put", "entries.update"}  # a second time: rows with new numbers, one more revision
Interrupt = Callable[[Connection], None]


class Told(Exception):
    """Raised at a fault point."""


class Database:
    """One schema, as it was `prepare`d and again after each trial. Its connection is a superuser's."""

    def __init__(self, dsn: str, folder: Path, name: str) -> None:
        self.dsn, self._folder, self.name = dsn, folder, name
        self.connection = psycopg.connect(dsn, autocommit=True)
        self.connections: dict[int, Connection] = {}
        found = self.connection.execute("SELECT current_schema()").fetchone()
        assert found is not None
        self._schema = found[0]
        self._make()
        self.before = self.dump()

    def _make(self) -> None:
        if self.name in STARTS_EMPTY:
            return
        asyncio.run(self._prepare())
        self.connection.execute("UPDATE finial_changes SET at = now() - interval '13 hours'")
        if self.name not in WITHOUT_TABLES:
            for table in TABLES:
                self.connection.execute(f"CREATE TEMP TABLE saved_{table} AS TABLE {table}".encode())
            for table in NUMBERED:
                self.connection.execute(f"CREATE TEMP TABLE ids_{table} AS TABLE {table}_id_seq".encode())

    async def _prepare(self) -> None:
        store = await self.open()
        await prepare(store)
        await store.close()
        if self._remembers:
            shutil.copy(self._folder / "memory", self._folder / "saved")

    @property
    def _remembers(self) -> bool:
        return self.name.startswith("lineage.")

    async def open(self) -> Store:
        return await Store.open(
            Postgres(self.dsn, FEWEST_CONNECTIONS),
            clock=SystemClock(),
            memory=self._folder / "memory" if self._remembers else None,
            poll_period=None,
        )

    def reset(self) -> None:
        if self.name in WITHOUT_TABLES:
            if self.dump() == self.before:
                return None
            self.connection.execute(
                f"DROP SCHEMA {self._schema} CASCADE; CREATE SCHEMA {self._schema}".encode()
            )
            return self._make()
        if self._remembers:
            shutil.copy(self._folder / "saved", self._folder / "memory")
        put_back = [f"DELETE FROM {one}; INSERT INTO {one} TABLE saved_{one}" for one in TABLES]
        numbers = [f"SELECT setval('{one}_id_seq', last_value, is_called) FROM ids_{one}" for one in NUMBERED]
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")  # no triggers
            self.connection.execute("; ".join([*put_back, *numbers]).encode())
        return None

    def dump(self, *, logs: bool = True) -> list[object]:
        """All that is ours, and all rows without times and random values."""
        rows: list[object] = self.rows(
            "SELECT relname, relkind FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " UNION ALL SELECT t.tgname || c.relname, 't' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2"
        )
        there = {
            name
            for name, kind in self.rows(
                "SELECT tablename, 1 FROM pg_tables WHERE schemaname = current_schema()"
            )
        }
        for table in schema.TABLES:
            if table.name in there and (logs or not table.name.endswith("_events")):
                columns = ", ".join(name for name in table.names if not name.endswith("ted_at"))
                rows.append([table.name, self.rows(f"SELECT {columns} FROM {table.name} ORDER BY {columns}")])
        if "finial_state" in there:
            if logs:
                rows.append(self.rows("SELECT kind, key FROM finial_changes ORDER BY xact, kind, key"))
            rows.append(self.rows(f"SELECT name, value FROM finial_state WHERE {RANDOM} ORDER BY name"))
        return rows

    def rows(self, sql: str) -> list[Any]:
        return self.connection.execute(sql.encode()).fetchall()

    def await_end(self, pid: int) -> None:
        """Of the process of a connection that was given up."""
        end = time.monotonic() + 10
        while self.rows(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"):
            assert time.monotonic() < end
            time.sleep(0.002)

    # --- ways to interrupt, on the writer's thread

    def end(self, connection: Connection) -> None:
        self.rows(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 10000)")

    def cut(self, connection: Connection) -> None:
        with socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as one:
            one.shutdown(socket.SHUT_RDWR)

    def deafen(self, connection: Connection) -> None:
        """The next answer comes and is not heard."""

        def wait(gen: PQGen[object], interval: float = 0.1, timeout: float | None = None) -> object:
            type(connection).wait(connection, gen, interval, timeout)
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        vars(connection)["wait"] = wait

    def fail(self, _: Connection) -> None:
        raise Told


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.own() as running:
        yield running


@pytest.fixture
def database(
    request: pytest.FixtureRequest, cluster: postgres.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    with cluster.schema() as dsn:
        database = Database(dsn, tmp_path, request.param)
        real = postgres_connection.connect

        def connect(conninfo: str) -> tuple[Connection, str]:
            made = real(conninfo)
            database.connections[threading.get_ident()] = made[0]
            return made

        monkeypatch.setattr(postgres_pool, "connect", connect)
        with closing(database.connection):
            yield database


@dataclass(slots=True)
class Interruption:
    """A hook that interrupts at one point, once; `points` are all that were passed."""

    database: Database
    how: Interrupt | None = None
    stage: str = ""
    nth: int = 0
    points: list[str] = field(default_factory=list)
    pid: int = 0

    def __call__(self, point: str) -> None:
        write, _, stage = point.rpartition(".")
        if write == self.database.name:
            self.points.append(stage)
            if self.how is not None and stage == self.stage and self.points.count(stage) == self.nth:
                connection = self.database.connections[threading.get_ident()]
                self.pid = connection.info.backend_pid
                self.how(connection)


@pytest.mark.parametrize("database", sorted(OPERATIONS), indirect=True)
def test_an_interrupted_write_is_there_in_full_or_not_at_all(database: Database) -> None:
    watched = Interruption(database)
    asyncio.run(trial(database, watched, None))
    after = database.dump()
    assert "statement" in watched.points, "the operation wrote nothing"
    for how, stage, nth in trials(database, watched.points):
        database.reset()
        asyncio.run(trial(database, Interruption(database, how, stage, nth), after))


def trials(database: Database, points: list[str]) -> Iterator[tuple[Interrupt, str, int]]:
    hows = (database.end, database.cut, database.deafen, database.fail)
    yield from product(hows, ("begin", "commit", "committed"), (1,))
    statements = points.count("statement")
    some = range(1, statements + 1, 9) if statements > 50 else range(1, statements + 1)
    yield from ((how, "statement", nth) for how, nth in zip(cycle(hows), some, strict=False))


async def trial(database: Database, hook: Interruption, after: list[object] | None) -> None:
    store, error = None, None
    try:
        with fault.hooked(hook):
            store = await database.open()
            await OPERATIONS[database.name](store)
    except (FinialError, Told) as caught:
        error = caught
    if error is not None and hook.how != database.fail:
        database.await_end(hook.pid)
    lost = hook.how == database.deafen and MAYBE in str(error)
    if after is not None:
        check(hook, error)
        assert database.dump() == (after if hook.stage == "committed" or lost else database.before), hook
    if store is None:
        store = await database.open()
    assert await store._engine.write("next", lambda tx: tx.row("SELECT 1")) == (1,)
    if lost:
        stored = database.dump(logs=False)
        with suppress(AlreadyExists, NotFound):
            await OPERATIONS[database.name](store)
        assert database.name in COUNTS_ON or database.dump(logs=False) == stored, "asking again changed more"
    await store.close()


def check(hook: Interruption, error: BaseException | None) -> None:
    """That the caller was told what is the case."""
    if hook.how == hook.database.fail:
        assert isinstance(error, Told), hook
    elif hook.stage == "committed":
        assert error is None, hook
    else:
        assert isinstance(error, Unavailable), hook
        if hook.stage != "statement":
            assert (MAYBE in str(error)) == (hook.stage == "commit"), hook
        elif MAYBE in str(error):
            assert hook.points[-2:] == ["statement", "commit"], hook


def test_a_commit_that_was_acknowledged_outlives_the_whole_server() -> None:
    """Its processes are killed within the write, and it is started again on what is on the disk."""

    async def main(cluster: postgres.Cluster) -> None:
        store = await Store.open(
            Postgres(cluster.dsn, FEWEST_CONNECTIONS), clock=SystemClock(), poll_period=None
        )
        for stage in ("statement", "commit", "committed"):

            def kill(point: str, fatal: str = f"tokens.create.{stage}") -> None:
                if point == fatal:
                    cluster.kill()

            with fault.hooked(kill), nullcontext() if stage == "committed" else pytest.raises(Unavailable):
                await store.create_join_token(JoinToken(stage, 1))
            await asyncio.to_thread(cluster.start)
        assert await store.take_join_token("commit") == Committed(None, ANY)
        assert await store.take_join_token("committed") == Committed(JoinToken("committed", 1), ANY)
        await store.close()

    with postgres.own(durable=True) as cluster:
        asyncio.run(main(cluster))
