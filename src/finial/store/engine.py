# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""SQLite: connections, transactions and threads; nothing here knows a table of SPIRE's.

One thread owns the writing connection and one the reading connection; coroutines hand them functions over
a `Transaction`. Each write is one transaction that began IMMEDIATE: it is there in full or not at all.
Statements are plain SQL with `:name` parameters. Pragmas are those of SPIRE 1.15 (mattn's driver): WAL,
synchronous NORMAL, foreign_keys on, 5 s of patience with another process's lock; the file gets mode 0640.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from finial.errors import AlreadyExists, FinialError, Internal, Unavailable
from finial.runtime import fault
from finial.runtime.clock import Clock
from finial.store import timestamp

T = TypeVar("T")
Value = str | int | bytes | float | None
Row = tuple[Any, ...]  # what a column holds is known to the statement that asks for it

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


class Transaction:
    """What functions over the tables work on. `now` is one moment for all rows: text, and Unix seconds."""

    def __init__(self, connection: sqlite3.Connection, name: str, now: str, unix: int) -> None:
        self._connection = connection
        self._name = name
        self.now = now
        self.unix = unix

    def run(self, sql: str, **parameters: Value) -> int:
        """Rows that changed."""
        changed = self._connection.execute(sql, parameters).rowcount
        fault.point(f"{self._name}.statement")
        return changed

    def rows(self, sql: str, **parameters: Value) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, **parameters: Value) -> Row | None:
        found: Row | None = self._connection.execute(sql, parameters).fetchone()
        return found

    def insert(self, table: str, values: Mapping[str, Value]) -> int:
        """One row with its created_at and updated_at; its id."""
        full = {"created_at": self.now, "updated_at": self.now, **values}
        marks = ", ".join(f":{name}" for name in full)
        made = self._connection.execute(
            f"INSERT INTO {table} ({', '.join(full)}) VALUES ({marks})",
            full,
        )
        fault.point(f"{self._name}.statement")
        return made.lastrowid or 0

    def insert_all(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Value, ...]]) -> None:
        """Many rows with few statements, in order; `columns` are all that are set."""
        mark = f"({', '.join('?' * len(columns))})"
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        left = iter(rows)
        while chunk := list(islice(left, MAX_PARAMETERS // len(columns))):
            values = [value for row in chunk for value in row]
            self._connection.execute(head + ", ".join([mark] * len(chunk)), values)
            fault.point(f"{self._name}.statement")

    def last_id(self, table: str) -> int:
        """The highest id that was ever given; the next ones may be used by who holds the write lock."""
        found = self.row("SELECT seq FROM sqlite_sequence WHERE name = :table", table=table)
        return int(found[0] or 0) if found else 0

    def attempt(self, work: Callable[[], T]) -> T | FinialError:
        """`work` in a savepoint: a broken constraint undoes it alone and is returned."""
        self._connection.execute("SAVEPOINT attempt")
        try:
            done = work()
        except (sqlite3.IntegrityError, FinialError) as error:
            self._connection.execute("ROLLBACK TO attempt")
            self._connection.execute("RELEASE attempt")
            return translated(error) if isinstance(error, sqlite3.Error) else error
        self._connection.execute("RELEASE attempt")
        return done


class Engine:
    """One database file. `open` it, `close` it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock
        self._closed = False
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix="store-read")
        self._writer: sqlite3.Connection
        self._reader: sqlite3.Connection
        self._watcher: sqlite3.Connection

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Engine:
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
        except sqlite3.Error as error:
            raise translated(error, f'unable to open database file "{self.path}": {error}') from error

    async def write(self, name: str, work: Callable[[Transaction], T]) -> T:
        """`work` in one transaction, on the writing thread, in order of calls. `name` leads its fault points.

        Cancelled before it began, it never begins; after that the transaction ends first (committed or
        undone, as it would have), and then the cancellation goes on: a caller that catches it can look.
        Raises: what `work` raises; Unavailable, Internal, AlreadyExists for what the database refuses.
        """
        return await self._hand(self._write_thread, lambda: self._transact(name, work))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """`work` on one state of the database, on the reading thread."""
        return await self._hand(self._read_thread, lambda: self._look(work))

    def version(self) -> int:
        """Another number after each commit of any process; for the event loop: no lock is waited for, and
        nothing is read but shared memory. -1 while a lock is in the way."""
        try:
            return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.OperationalError:
            return -1

    async def close(self) -> None:
        """What was handed over is done first; then the WAL is folded into the file."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._drain)

    def _drain(self) -> None:
        self._read_thread.shutdown()
        self._write_thread.shutdown()
        for name in ("_watcher", "_reader", "_writer"):
            if hasattr(self, name):
                getattr(self, name).close()

    def require_open(self) -> None:
        """Raises: Unavailable after `close`."""
        if self._closed:
            raise Unavailable("datastore-sql: the datastore is closed")

    async def _hand(self, thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        self.require_open()
        future = thread.submit(work)
        answer = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await _settled(future, answer)
            raise

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

    def _transaction(self, connection: sqlite3.Connection, name: str) -> Transaction:
        now = self._clock.now()
        return Transaction(connection, name, timestamp.text(now), int(now.timestamp()))

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


async def _settled(future: Future[T], answer: asyncio.Future[T]) -> None:
    """Withdrawn, or at its end; further cancellations wait with us, which is milliseconds."""
    if future.cancel():
        return
    while not answer.done():
        try:
            await asyncio.wait([answer])
        except asyncio.CancelledError:
            continue
