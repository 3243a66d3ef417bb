"""What a SQLite database holds of SPIRE's and of ours, and giving it back to stock servers: ours is taken away.

Looking changes nothing and may be done beside running servers. Giving back is one transaction of the only
connection there is, and refused while any process has the file open: a running Finial server would lose the
log that it follows. SPIRE's tables are left as a stock server made them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from finial.errors import FailedPrecondition, FinialError, Internal, NotFound, Unavailable
from finial.runtime import fault
from finial.store import triggers

OURS = "SELECT type, name, sql FROM sqlite_master WHERE name GLOB 'finial_*' AND type IN ('table', 'trigger')"


@dataclass(frozen=True, slots=True)
class Status:
    """`change_log`: the version of our tables, None without them. `missing`: names of our tables and triggers
    that are not there, or are not as this release makes them."""

    schema_version: int
    code_version: str
    change_log: int | None = None
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """The log misses no change."""
        return self.change_log == triggers.VERSION and not self.missing


def inspect(path: Path) -> Status:
    """Blocks. Raises: NotFound without a file, FailedPrecondition for another program's; Unavailable, Internal."""
    if not path.exists():
        raise NotFound(f'datastore-sql: there is no database file "{path}"')
    with connected(f"{path.absolute().as_uri()}?mode=ro") as connection:
        connection.execute("BEGIN")
        return _status(connection, path)


def _status(connection: sqlite3.Connection, path: Path) -> Status:
    if not _has_table(connection, "migrations"):
        raise FailedPrecondition(
            f'datastore-sql: "{path}" is no database of SPIRE or Finial: it has no table "migrations"'
        )
    found = connection.execute("SELECT version, code_version FROM migrations ORDER BY id LIMIT 1").fetchone()
    version, code = found or (0, "")
    there = {sql for _, _, sql in connection.execute(OURS)}
    if not there:
        return Status(version, code)
    missing = tuple(name_of(one) for one in triggers.statements() if one not in there)
    return Status(version, code, _change_log_version(connection), missing)


def _change_log_version(connection: sqlite3.Connection) -> int:
    """0 where it does not say."""
    if not _has_table(connection, "finial_state"):
        return 0
    found = connection.execute("SELECT value FROM finial_state WHERE name = 'schema'").fetchone()
    return int(found[0]) if found else 0


def hand_back(path: Path) -> None:
    """Blocks. Raises: as `inspect` and `alone`; then nothing was changed."""
    inspect(path)
    with alone(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for kind, name, _ in sorted(connection.execute(OURS), reverse=True):  # triggers before their tables
            connection.execute(f"DROP {kind} {name}")
            fault.point("hand_back.statement")
        fault.point("hand_back.commit")
        connection.execute("COMMIT")
    fault.point("hand_back.committed")


@contextmanager
def alone(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection beside which none can be opened. Raises: FailedPrecondition while there is another: in WAL
    mode each holds a shared lock on the file, also when it does nothing."""
    with connected(f"{path.absolute().as_uri()}?mode=rw") as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise FailedPrecondition(
                f'datastore-sql: "{path}" is open in another process',
                hint="stop every server on this database, Finial's and stock ones, and try again",
            ) from error
        yield connection


@contextmanager
def connected(address: str) -> Iterator[sqlite3.Connection]:
    """What was begun and not committed is undone at the end."""
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise translated(error) from error


def translated(error: sqlite3.Error) -> FinialError:
    kind = Unavailable if isinstance(error, sqlite3.OperationalError) else Internal
    return kind(f"datastore-sql: {error}")


def name_of(statement: str) -> str:
    """Of the table or trigger that it creates."""
    return statement.replace("(", " ").split()[2]


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None
