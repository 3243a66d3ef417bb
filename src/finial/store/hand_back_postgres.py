"""Looking at a PostgreSQL database and giving it back to stock servers, as `hand_back` does for SQLite.

Refused while a Finial server is connected, which would lose the log that it follows: it is known by the name
that connections give unless their connection string says another.
"""

from __future__ import annotations

from dataclasses import replace

from finial.errors import FailedPrecondition
from finial.runtime.clock import Clock
from finial.store import migrate, triggers_postgres
from finial.store.engine import Transaction
from finial.store.engine_postgres import PostgresEngine
from finial.store.hand_back import Status
from finial.store.location import FEWEST_CONNECTIONS, Postgres
from finial.store.log_postgres import TRIGGERS

LOOKS, PAUSE = 10, 0.1  # seconds between two looks
SERVERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'finial' AND pid <> pg_backend_pid()"
)


async def inspect(location: Postgres, clock: Clock) -> Status:
    """Raises: FailedPrecondition for another program's database; Unavailable, Internal, InvalidArgument."""
    engine = await PostgresEngine.open(location, clock)
    try:
        return await engine.read(_status)
    finally:
        await engine.close()


async def hand_back(location: Postgres, clock: Clock, *, only_look: bool = False) -> None:
    """Takes all that is ours away. `only_look`: whether it could. Raises: as `inspect`, and FailedPrecondition
    while a Finial server is connected; then nothing was changed."""
    # One connection that reads: a second one would be taken for a server's.
    engine = await PostgresEngine.open(replace(location, max_connections=FEWEST_CONNECTIONS), clock)
    try:
        await engine.read(_status)
        if await _in_use(engine, clock):
            raise FailedPrecondition(
                "datastore-sql: the database is in use by a Finial server",
                hint="stop every Finial server on this database and try again",
            )
        if not only_look:
            await migrate.hand_back(engine)
    finally:
        await engine.close()


async def _in_use(engine: PostgresEngine, clock: Clock) -> bool:
    """A connection that was closed is listed for a moment more."""
    for _ in range(LOOKS):
        if not await engine.read(_servers):
            return False
        await clock.sleep(PAUSE)
    return True


def _servers(tx: Transaction) -> int:
    found = tx.row(SERVERS)
    return int(found[0]) if found else 0


def _status(tx: Transaction) -> Status:
    if not _has(tx, "migrations"):
        raise FailedPrecondition(
            'datastore-sql: this is no database of SPIRE or Finial: it has no table "migrations"'
        )
    version, code = tx.row("SELECT version, code_version FROM migrations ORDER BY id LIMIT 1") or (0, "")
    there = {(table, name) for table, name in tx.rows(TRIGGERS)}
    tables = {name for name in ("finial_changes", "finial_state") if _has(tx, name)}
    if not there and not tables:
        return Status(version, code)
    absent = {"finial_changes", "finial_state"} - tables
    absent |= {f"{name} on {table}" for table, name in triggers_postgres.names() - there}
    log = tx.row("SELECT value FROM finial_state WHERE name = 'schema'") if "finial_state" in tables else None
    return Status(version, code, int(log[0]) if log else 0, tuple(sorted(absent)))


def _has(tx: Transaction, table: str) -> bool:
    return tx.row(tx.dialect.table_exists, name=table) is not None
