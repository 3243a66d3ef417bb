# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""SQLite: connections, transactions and threads; nothing here knows a table of SPIRE's.

One thread owns the writing connection and one the reading connection; coroutines hand them functions over
a transaction. Each write is one transaction that began IMMEDIATE: it is there in full or not at all.
Statements are plain SQL with `:name` parameters. Pragmas are those of SPIRE 1.15 (mattn's driver): WAL,
synchronous NORMAL, foreign_keys on, 5 s of patience with another process's lock; the file gets mode 0640.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from finial.errors import AlreadyExists, FinialError, Internal, Unavailable
from finial.runtime import fault
from finial.runtime.clock import Clock
from finial.store import timestamp
from finial.store.dialect import SQLITE
from finial.store.engine import Parameter, Row, Transaction, Value
from finial.store.hand_over import Workers
from finial.store.log_sqlite import SqliteLog, last_id

T = TypeVar("T")

PATIENCE = 5.0  # seconds
FILE_MODE = 0o640
MAX_PARAMETERS = 32_766  # of one statement; SQLITE_MAX_VARIABLE_NUMBER
CODE_OF_UNTOLD = sqlite3.SQLITE_ERROR

AWAY = {
    sqlite3.SQLITE_BUSY: "another process has held the write lock for long: end it, or wait",
    sqlite3.SQLITE_LOCKED: "another process has held the write lock for long: end it, or wait",
    sqlite3.SQLITE_FULL: "free space on the file system of the database",
    sqlite3.SQLITE_READONLY: "the file and its folder must be writable by this user",
    sqlite3.SQLITE_CANTOPEN: "the folder must exist, and file and folder be writable by this user",
    sqlite3.SQLITE_PERM: "the file and its folder must be writable by this user",
    sqlite3.SQLITE_IOERR: "look for a full disk, a quota or a size limit, and for disk errors in the system's log",
}
BROKEN = {
    sqlite3.SQLITE_CORRUPT: "restore the database from a backup",
    sqlite3.SQLITE_NOTADB: "the path must name a database made by SPIRE or Finial, or nothing yet",
}


def translated(error: sqlite3.Error, told: str = "") -> FinialError:
    """As one of our kinds, with SQLite's words or those told: AlreadyExists for a broken constraint,
    Unavailable for what passes or can be mended from outside, Internal for the rest."""
    message = f"datastore-sql: {told or error}"
    if isinstance(error, sqlite3.IntegrityError):
        return AlreadyExists(message)
    code = getattr(error, "sqlite_errorcode", CODE_OF_UNTOLD) & 0xFF
    if code in AWAY:
        return Unavailable(message, hint=AWAY[code])
    return Internal(message, hint=BROKEN.get(code))


class SqliteTransaction:
    """Over a connection in autocommit that has begun one."""

    dialect = SQLITE

    def __init__(
        self, connection: sqlite3.Connection, name: str, now: str, unix: int, identity: str = ""
    ) -> None:
        self._connection = connection
        self._name = name
        self.now = now
        self.unix = unix
        self.identity = identity

    def run(self, sql: str, **parameters: Parameter) -> int:
        changed = self._connection.execute(sql, _bound(parameters)).rowcount
        fault.point(f"{self._name}.statement")
        return changed

    def rows(self, sql: str, **parameters: Parameter) -> list[Row]:
        return self._connection.execute(sql, _bound(parameters)).fetchall()

    def row(self, sql: str, **parameters: Parameter) -> Row | None:
        found: Row | None = self._connection.execute(sql, _bound(parameters)).fetchone()
        return found

    def scan(self, sql: str, **parameters: Parameter) -> Iterator[Row]:
        return self._connection.execute(sql, _bound(parameters))

    def insert(self, table: str, values: Mapping[str, Value]) -> int:
        full = {"created_at": self.now, "updated_at": self.now, **values}
        marks = ", ".join(f":{name}" for name in full)
        made = self._connection.execute(
            f"INSERT INTO {table} ({', '.join(full)}) VALUES ({marks})",
            full,
        )
        fault.point(f"{self._name}.statement")
        return made.lastrowid or 0

    def insert_all(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Value, ...]]) -> None:
        mark = f"({', '.join('?' * len(columns))})"
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        left = iter(rows)
        while chunk := list(islice(left, MAX_PARAMETERS // len(columns))):
            values = [value for row in chunk for value in row]
            self._connection.execute(head + ", ".join([mark] * len(chunk)), values)
            fault.point(f"{self._name}.statement")

    def new_ids(self, table: str, count: int) -> Sequence[int]:
        """They follow the highest that was ever given: AUTOINCREMENT goes on from what is inserted."""
        first = last_id(self, table) + 1
        return range(first, first + count)

    def attempt(self, work: Callable[[], T]) -> T | FinialError:
        self._connection.execute("SAVEPOINT attempt")
        try:
            done = work()
        except (sqlite3.IntegrityError, FinialError) as error:
            self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")
            return translated(error) if isinstance(error, sqlite3.Error) else error
        self._connection.execute("RELEASE attempt")
        return done


def _bound(parameters: dict[str, Parameter]) -> Mapping[str, Value]:
    """Lists go as JSON, for json_each."""
    return {
        name: json.dumps(value) if isinstance(value, list) else value for name, value in parameters.items()
    }


class SqliteEngine:
    """One database file. `open` it, `close` it."""

    dialect = SQLITE
    log = SqliteLog()

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._closed = False
        self._identity = ""
        self._write_thread = Workers(1, "store-write")
        self._read_thread = Workers(1, "store-read")
        self._writer: sqlite3.Connection
        self._reader: sqlite3.Connection
        self._watcher: sqlite3.Connection

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> SqliteEngine:
        """Creates the file if there is none. Raises: Unavailable, Internal."""
        engine = cls(path, clock)
        try:
            await engine._hand(engine._write_thread, engine._connect)
        except BaseException:
            await engine.close()
            raise
        return engine

    def _connect(self) -> None:
        try:
            create(self.path)
            self._writer = connect(self.path)
            self._reader = connect(self.path)
            self._reader.execute("PRAGMA query_only = ON")
            self._watcher = connect(self.path, patience=0)
            self._identity = identity_of(self.path)
        except sqlite3.Error as error:
            raise translated(error, f'unable to open database file "{self.path}": {error}') from error

    async def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        """On the writing thread, in order of calls."""
        return await self._hand(self._write_thread, lambda: self._transact(name, work))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """On the reading thread."""
        return await self._hand(self._read_thread, lambda: self._look(work))

    async def notice(self, woken: Callable[[], None], clock: Clock, period: float) -> None:
        """Looks each `period` seconds whether another process has committed."""
        version = self.version()
        while True:
            await clock.sleep(period)
            before, version = version, self.version()
            if version != before:
                woken()

    def version(self) -> int:
        """Another number after each commit of any process; for the event loop: no lock is waited for, and
        nothing is read but shared memory. -1 while a lock is in the way."""
        try:
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.OperationalError:
            return -1

    async def close(self) -> None:
        """Then the WAL is folded into the file."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._drain)

    def _drain(self) -> None:
        self._read_thread.drain()
        self._write_thread.drain()
        for name in ("_watcher", "_reader", "_writer"):
            if hasattr(self, name):
                getattr(self, name).close()

    def require_open(self) -> None:
        """Raises: Unavailable after `close`."""
        if self._closed:
            raise Unavailable("datastore-sql: the datastore is closed")

    async def _hand(self, thread: Workers, work: Callable[[], T]) -> T:
        self.require_open()
        return await thread.hand(work)

    def _transact(self, name: str, work: Callable[[Transaction], T]) -> T:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            fault.point(f"{name}.begin")
            done = work(self._transaction(self._writer, name))
            fault.point(f"{name}.commit")
            self._writer.execute("COMMIT")
        except BaseException as error:
            self._undo(self._writer)
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise
        fault.point(f"{name}.committed")
        return done

    def _look(self, work: Callable[[Transaction], T]) -> T:
        try:
            self._reader.execute("BEGIN")
            return work(self._transaction(self._reader, "read"))
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            self._undo(self._reader)

    def _transaction(self, connection: sqlite3.Connection, name: str) -> SqliteTransaction:
        now = self._clock.now()
        return SqliteTransaction(connection, name, timestamp.text(now), int(now.timestamp()), self._identity)

    @staticmethod
    def _undo(connection: sqlite3.Connection) -> None:
        """SQLite may have undone it already: a full disk, a failed read."""
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise translated(error) from error


def create(path: Path) -> None:
    """An empty file with the right mode if there is none: SQLite would take the mode from the umask alone. The
    -wal and -shm files follow it. Raises: Unavailable.

    A file that is there is not opened: closing it would end the locks of this process's connections to it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        return
    except OSError as error:
        raise Unavailable(
            f'datastore-sql: unable to open database file "{path}": {error.strerror}',
            hint=AWAY[sqlite3.SQLITE_CANTOPEN],
        ) from error


def connect(path: Path, *, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection in autocommit that any thread may use, one at a time."""
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection, patience)
        for pragma in ("foreign_keys = ON", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """SQLite does not wait here by itself when two processes open a new file at once."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(0.01)


def identity_of(path: Path) -> str:
    """Another one for a copy, or for what took the file's place."""
    file = path.stat()
    return f"{file.st_dev} {file.st_ino}"
