"""Where a database is: connection strings as SPIRE's configuration has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finial.errors import InvalidArgument, Unsupported

POSTGRES_SCHEMES = frozenset({"postgres", "postgresql"})
SERVERS = POSTGRES_SCHEMES | {"mysql"}
FEWEST_CONNECTIONS = 3  # one that writes, one that reads, one that listens


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL database. Connection strings are key=value pairs or an address; they may hold a password.
    `listen_connection_string`: past a pooler, for notifications; empty where the other one will do."""

    connection_string: str
    max_connections: int = 100
    max_idle_connections: int = 100
    connection_lifetime: float = 0.0  # seconds; 0 is without end
    listen_connection_string: str = ""

    def __repr__(self) -> str:
        return "Postgres(...)"


Location = Path | Postgres


def location_of(location: str | Location) -> Location:
    """From a path, a `file:` address without options, or a `postgres:` address.

    Raises: InvalidArgument, Unsupported."""
    if not isinstance(location, str):
        return location
    return Postgres(location) if scheme_of(location) in POSTGRES_SCHEMES else path_of(location)


def path_of(location: str) -> Path:
    """Of a SQLite database. Raises: InvalidArgument, Unsupported."""
    if not location:
        raise InvalidArgument("datastore-sql: connection_string must be set")
    scheme = scheme_of(location)
    if scheme in SERVERS:
        raise Unsupported(f'datastore-sql: a "{scheme}" address names no SQLite database')
    path = location.removeprefix("file:")
    if "?" in path:
        raise Unsupported("datastore-sql: options after ? in the connection string are not supported")
    return Path(path)


def scheme_of(location: str) -> str:
    """Before the first colon; empty without one."""
    scheme, colon, _ = location.partition(":")
    return scheme if colon else ""


def pool_of(location: Postgres) -> Mapping[str, int]:
    """How many connections write and how many read; one more listens.

    Raises: InvalidArgument."""
    allowed = location.max_connections or 100  # 0 is no bound, as Go's pool has it
    if allowed < FEWEST_CONNECTIONS:
        raise InvalidArgument(
            f"datastore-sql: max_open_conns {allowed} is too few: {FEWEST_CONNECTIONS} are needed",
            hint="one connection writes, one reads, one listens for changes",
        )
    kept = max(FEWEST_CONNECTIONS, min(allowed, location.max_idle_connections))
    readers = min(4, max(1, (kept - 1) // 3))
    return {"read": readers, "write": min(8, kept - 1 - readers)}
