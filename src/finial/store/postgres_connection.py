"""Connections to PostgreSQL with psycopg: how they are made, what they show of the server, and its errors.

Settings that a connection string leaves out are those of SPIRE's driver (TLS is required), and such that a
server that is gone is noticed within seconds. One whose machine answers and whose processes do not, TCP never
notices: each wait for an answer has an end here, and then the connection is closed. Times come as text in UTC.
Nothing is prepared on the server, so that a pooler may stand between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from finial.errors import AlreadyExists, FinialError, Internal, InvalidArgument, Unavailable

T = TypeVar("T")
GREETING = 5.0  # seconds of silence after which a server that has nothing to do is given up
PATIENCE = 10.0  # after which one that works on a statement or a commit is
LOCK_PATIENCE = "8s"  # after which it tells by itself that another transaction is in the way
SCAN_PATIENCE = 60.0  # for the first rows of a whole table

DEFAULTS: dict[str, str] = {
    "sslmode": "require",
    "connect_timeout": f"{GREETING:.0f}",
    "tcp_user_timeout": "10000",  # milliseconds
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "fallback_application_name": "finial",
}
SETTINGS = "SET datestyle TO 'ISO, YMD'; SET timezone TO 'UTC'"
# What no copy, restore or takeover of the database has too. The timeline of the WAL is right from the first
# statement after a promotion; that of the control file comes with the next checkpoint.
IDENTITY = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE concat_ws(' ', system_identifier, oid,"
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)) END"
    " FROM pg_control_system(), pg_database WHERE datname = current_database()"
)
PASSING = frozenset({"08", "25", "40", "53", "55", "57", "58"})  # classes of SQLSTATE
RIGHTS = (
    "grant the role what it needs: SPIRE's tables, CREATE on the schema, and functions like pg_control_system"
)


def conninfo_of(connection_string: str, option: str = "connection_string") -> str:
    """With what it leaves out. Raises: InvalidArgument, without the string, which may hold a password."""
    try:
        given = conninfo_to_dict(connection_string)
    except (psycopg.ProgrammingError, UnicodeError) as error:  # %-escapes that are no UTF-8
        raise InvalidArgument(
            f"datastore-sql: {option} cannot be read",
            hint="key=value pairs or postgres://user@host/database, as SPIRE's documentation has them",
        ) from error
    return make_conninfo(**{**DEFAULTS, **{name: str(value) for name, value in given.items()}})


class TimeAsText(Loader):
    """A datetime for each row would cost more than the row."""

    def load(self, data: bytes | bytearray | memoryview) -> str:
        return bytes(data).decode()


class NoAnswer(psycopg.OperationalError):
    """The connection is there, and nothing comes."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """One that waits for each answer `patience` seconds, then closes itself, is `silent` and raises NoAnswer.
    What it had asked for may still be done once the server goes on."""

    patience = GREETING
    silent = False

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(within(gen, self.patience if timeout is None else timeout), interval)
        except NoAnswer:
            self.silent = True
            self.close()
            raise


class ListeningConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """Waits for notifications without end, and for the answer to what it `asks` as others do."""

    asking = False

    async def ask(self, statement: LiteralString, parameters: Sequence[str] = ()) -> None:
        """Raises: psycopg.Error; NoAnswer, after which the connection is of no use."""
        self.asking = True
        try:
            await self.execute(statement, parameters or None)
        finally:
            self.asking = False

    async def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        if self.asking:
            return await super().wait(within(gen, GREETING), interval)
        if timeout is None:  # psycopg 3.2 has none
            return await super().wait(gen, interval)
        return await super().wait(gen, interval, timeout)


def within(waiting: PQGen[T], seconds: float) -> PQGen[T]:
    """`waiting`, which NoAnswer ends after so many seconds. Who drives it sends 0 at its intervals."""
    end = time.monotonic() + seconds
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= end:
                raise NoAnswer(f"no answer within {seconds:g} s")
            wanted = waiting.send(ready)
    except StopIteration as done:
        result: T = done.value
        return result


def connect(conninfo: str) -> tuple[Connection, str]:
    """In autocommit, and the identity of the database. Blocks. Raises: Unavailable, Internal."""
    connection: Connection | None = None
    try:
        connection = Connection.connect(conninfo, autocommit=True, prepare_threshold=None)
        connection.adapters.register_loader("timestamptz", TimeAsText)
        connection.execute(SETTINGS)
        found = connection.execute(IDENTITY).fetchone()
    except psycopg.Error as error:
        if connection is not None:
            connection.close()
        raise translated(error, "unable to connect to the database") from error
    if not found or found[0] is None:
        connection.close()
        raise Unavailable(
            "datastore-sql: the database server is a standby",
            hint="name the primary, or all servers with target_session_attrs=read-write",
        )
    return connection, str(found[0])


async def connect_to_listen(conninfo: str) -> ListeningConnection:
    """In autocommit, on the event loop. Raises: Unavailable, Internal."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await ListeningConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    except TimeoutError as error:
        raise Unavailable("datastore-sql: unable to connect to the database: no answer") from error
    except psycopg.Error as error:
        raise translated(error, "unable to connect to the database") from error


def translated(error: psycopg.Error, doing: str = "") -> FinialError:
    """As one of our kinds, in the words of SPIRE's driver: AlreadyExists for a broken constraint, Unavailable
    for what passes or can be mended from outside, Internal for the rest."""
    state = error.sqlstate or ""
    words = f"pq: {error.diag.message_primary} ({state})" if state else str(error).strip()
    message = f"datastore-sql: {doing}: {words}" if doing else f"datastore-sql: {words}"
    if isinstance(error, errors.IntegrityError):
        return AlreadyExists(message)
    if isinstance(error, errors.InsufficientPrivilege):
        return Internal(message, hint=RIGHTS)
    if isinstance(error, errors.DataError):
        return InvalidArgument(message)
    if state[:2] in PASSING or (not state and isinstance(error, psycopg.OperationalError)):
        return Unavailable(message, hint="the database server must run and let this server in")
    if doing:
        return Unavailable(message, hint="check user, password and database of the connection string")
    return Internal(message)
