"""Connections to PostgreSQL with psycopg: how they are made, what they show of the server, and its errors.

Settings that a connection string leaves out are those of SPIRE's driver (TLS is required), and such that a
server that is gone is noticed within seconds. Times come as text in UTC. Nothing is prepared on the server, so
that a pooler may stand between.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import errors
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from finial.errors import AlreadyExists, FinialError, Internal, InvalidArgument, Unavailable

DEFAULTS: dict[str, str] = {
    "sslmode": "require",
    "connect_timeout": "5",
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


def connect(conninfo: str) -> tuple[psycopg.Connection[tuple[Any, ...]], str]:
    """In autocommit, and the identity of the database. Blocks. Raises: Unavailable, Internal."""
    connection: psycopg.Connection[tuple[Any, ...]] | None = None
    try:
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
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


async def connect_to_listen(conninfo: str) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """In autocommit, on the event loop. Raises: Unavailable, Internal."""
    try:
        async with asyncio.timeout(10):
            return await psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
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
