# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""PostgreSQL: transactions and threads; nothing here knows a table of SPIRE's.

Some threads write and some read, each with a connection of its own. A write is one transaction in READ COMMITTED:
who changes what it has read locks the rows. A deadlock or a failed serialization, which PostgreSQL has undone, is
tried again after a short pause; what ends with its connection is not. Where that was the commit, nobody knows
whether it was made, and the error says so: the caller may look, or ask again. A read is one state of the database.
Where the server does not answer, everything is Unavailable within seconds, then at once, until it is back.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from finial.errors import FinialError, Internal, Unavailable
from finial.runtime import fault
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.store import timestamp
from finial.store.dialect import POSTGRES
from finial.store.engine import Parameter, Row, Value
from finial.store.hand_over import Workers
from finial.store.listen import Listener
from finial.store.location import Postgres, pool_of
from finial.store.log_postgres import PostgresLog
from finial.store.postgres_connection import PATIENCE, SCAN_PATIENCE, Connection, conninfo_of, translated
from finial.store.postgres_pool import Pool

T = TypeVar("T")

FEW = 10  # rows that one INSERT carries as well as COPY
SCAN = 5_000  # rows that are fetched at once
TRIES = 6  # of one write
PAUSE = 0.01  # seconds before the second, at most; twice as long before each further one
LOOK = 0.1  # seconds between two looks for commits where notifications do not arrive
PARAMETER = re.compile(r"(?<!:):([a-z_][a-z_0-9]*)")


@lru_cache(512)
def in_psycopg(sql: str) -> str:
    return PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


class PostgresTransaction:
    """Over a connection that has begun one."""

    dialect = POSTGRES

    def __init__(self, connection: Connection, name: str, now: str, unix: int, identity: str) -> None:
        self._connection = connection
        self._name = name
        self.now = now
        self.unix = unix
        self.identity = identity

    def _execute(self, sql: str, parameters: Mapping[str, Parameter]) -> psycopg.Cursor[tuple[Any, ...]]:
        # Without parameters psycopg looks for no marks in the statement.
        if not parameters:
            return self._connection.execute(sql)
        return self._connection.execute(in_psycopg(sql), parameters)

    def run(self, sql: str, **parameters: Parameter) -> int:
        changed = self._execute(sql, parameters).rowcount
        fault.point(f"{self._name}.statement")
        return changed

    def rows(self, sql: str, **parameters: Parameter) -> list[Row]:
        return self._execute(sql, parameters).fetchall()

    def row(self, sql: str, **parameters: Parameter) -> Row | None:
        return self._execute(sql, parameters).fetchone()

    def scan(self, sql: str, **parameters: Parameter) -> Iterator[Row]:
        self._connection.patience = SCAN_PATIENCE
        try:
            with self._connection.cursor(name="scan") as cursor:
                cursor.itersize = SCAN
                cursor.execute(in_psycopg(sql), parameters)
                yield from cursor
        finally:
            self._connection.patience = PATIENCE

    def insert(self, table: str, values: Mapping[str, Value]) -> int:
        full = {"created_at": self.now, "updated_at": self.now, **values}
        marks = ", ".join(f":{name}" for name in full)
        sql = f"INSERT INTO {table} ({', '.join(full)}) VALUES ({marks}) RETURNING id"
        made = self._execute(sql, full).fetchone()
        fault.point(f"{self._name}.statement")
        return int(made[0]) if made else 0

    def insert_all(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Value, ...]]) -> None:
        given = list(rows)
        if not given:
            return
        if len(given) <= FEW:
            self._insert_few(table, columns, given)
        else:
            with self._connection.cursor() as cursor:
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                    for row in given:
                        copy.write_row(row)
        fault.point(f"{self._name}.statement")

    def _insert_few(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Value, ...]]) -> None:
        mark = f"({', '.join(['%s'] * len(columns))})"
        sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([mark] * len(rows))}"
        self._connection.execute(sql, [value for row in rows for value in row])

    def new_ids(self, table: str, count: int) -> Sequence[int]:
        """From the table's sequence; what is undone leaves gaps."""
        found = self.rows(
            "SELECT nextval(CAST(:sequence AS regclass)) FROM generate_series(1, :count)",
            sequence=f"{table}_id_seq",
            count=count,
        )
        return [id_ for (id_,) in found]

    def attempt(self, work: Callable[[], T]) -> T | FinialError:
        self._connection.execute("SAVEPOINT attempt")
        try:
            done = work()
        except (errors.IntegrityError, errors.DataError, FinialError) as error:
            self._connection.execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
            return translated(error) if isinstance(error, psycopg.Error) else error
        self._connection.execute("RELEASE SAVEPOINT attempt")
        return done


class PostgresEngine:
    """One database. `open` it, `close` it."""

    dialect = POSTGRES
    log = PostgresLog()

    def __init__(self, location: Postgres, clock: Clock, log: Logger | None = None) -> None:
        """Raises: InvalidArgument for what the location says."""
        conninfo = conninfo_of(location.connection_string)
        self._pool = Pool(conninfo, location.connection_lifetime, clock)
        self._clock = clock
        self._closed = False
        threads = pool_of(location)
        self._writers = Workers(threads["write"], "store-write")
        self._readers = Workers(threads["read"], "store-read")
        self.listener = Listener(
            conninfo_of(location.listen_connection_string, "listen_connection_string")
            if location.listen_connection_string
            else conninfo,
            log,
        )

    @classmethod
    async def open(cls, location: Postgres, clock: Clock, log: Logger | None = None) -> PostgresEngine:
        """Raises: InvalidArgument; Unavailable or Internal for a database that cannot be reached."""
        engine = cls(location, clock, log)
        try:
            await engine.read(lambda tx: tx.identity)
        except BaseException:
            await engine.close()
            raise
        return engine

    async def write(self, name: str, work: Callable[[PostgresTransaction], T]) -> T:
        self.require_open()
        return await self._writers.hand(lambda: self._transact(name, work))

    async def read(self, work: Callable[[PostgresTransaction], T]) -> T:
        self.require_open()
        return await self._readers.hand(lambda: self._look(work))

    async def notice(self, woken: Callable[[], None], clock: Clock, period: float) -> None:
        """Is told by LISTEN, and looks itself where that does not work."""
        await self.listener.run(woken, clock, min(period, LOOK))

    def require_open(self) -> None:
        if self._closed:
            raise Unavailable("datastore-sql: the datastore is closed")

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._drain)

    def _drain(self) -> None:
        self._readers.drain()
        self._writers.drain()
        self._pool.close()

    def _transact(self, name: str, work: Callable[[PostgresTransaction], T]) -> T:
        for attempt in range(TRIES):
            try:
                return self._write_once(name, work)
            except (errors.SerializationFailure, errors.DeadlockDetected) as error:
                if attempt == TRIES - 1:
                    raise translated(error) from error
                time.sleep(PAUSE * 2**attempt * random.random())  # noqa: S311 - parts those that collided
            except psycopg.Error as error:
                raise translated(error) from error
        raise AssertionError("unreachable")

    def _write_once(self, name: str, work: Callable[[PostgresTransaction], T]) -> T:
        connection = self._pool.begun("READ COMMITTED")
        try:
            fault.point(f"{name}.begin")
            done = work(self._transaction(connection, name))
            fault.point(f"{name}.commit")
            commit(connection)
        except BaseException:
            self._pool.undo(connection)
            raise
        fault.point(f"{name}.committed")
        return done

    def _look(self, work: Callable[[PostgresTransaction], T]) -> T:
        try:
            connection = self._pool.begun("REPEATABLE READ READ ONLY")
            try:
                return work(self._transaction(connection, "read"))
            finally:
                self._pool.undo(connection)
        except psycopg.Error as error:
            raise translated(error) from error

    def _transaction(self, connection: Connection, name: str) -> PostgresTransaction:
        now = self._clock.now()
        text, unix = timestamp.text(now), int(now.timestamp())
        return PostgresTransaction(connection, name, text, unix, self._pool.identity)


def commit(connection: Connection) -> None:
    """Raises: psycopg.Error, Internal where it was not made; Unavailable where nobody knows."""
    try:
        answer = connection.execute("COMMIT").statusmessage
    except psycopg.Error as error:
        if connection.closed:
            raise unconfirmed(error) from error
        raise
    if answer != "COMMIT":  # as PostgreSQL ends a transaction that has failed
        raise Internal("datastore-sql: a transaction that had failed was undone at its end")


def unconfirmed(error: psycopg.Error) -> Unavailable:
    why = str(translated(error)).removeprefix("datastore-sql: ")
    return Unavailable(
        f"datastore-sql: no answer to the commit, the change may have been made: {why}",
        hint="ask again: what is there already is told, not made twice",
    )
