"""The database that a configuration names: opened at the start, its history kept recognisable while the server runs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from finial.config.datastore import DataStoreOptions, datastore_of
from finial.config.server import ServerConfig
from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.server.follow import Follower
from finial.store import Location, Postgres, Store, path_of

REMEMBER_EVERY = 5.0  # seconds between renewals of what the history is recognised by, while there are writes
MEMORY_FILE = "finial-history.json"


async def open_store(
    config: ServerConfig, clock: Clock, metrics: Metrics, logger: Logger, stack: AsyncExitStack
) -> Store:
    """To be closed with the stack. Raises: a FinialError that says what cannot be used."""
    options = datastore_of(config.plugins)
    log = logger.subsystem("sql")
    log.info("Opening SQL database", db_type=options.database_type)
    store = await Store.open(
        location(options),
        clock=clock,
        memory=Path(config.server.data_dir) / MEMORY_FILE,
        migrates=not options.disable_migration,
        log=log,
        metrics=metrics,
    )
    catalog_log = logger.subsystem("catalog")
    stack.callback(catalog_log.info, "DataStore closed")
    stack.push_async_callback(store.close)
    log.info("Connected to SQL database", read_only=False, type=options.database_type)
    catalog_log.info("Configured DataStore", reconfigurable=False)
    return store


def location(options: DataStoreOptions) -> Location:
    """Of the database. Raises: FinialError for a connection string that names none."""
    if options.database_type == "sqlite3":
        return path_of(options.connection_string)
    lifetime = options.conn_max_lifetime
    return Postgres(
        options.connection_string,
        100 if options.max_open_conns is None else options.max_open_conns,
        100 if options.max_idle_conns is None else options.max_idle_conns,
        lifetime.total_seconds() if lifetime else 0.0,
        options.listen_connection_string,
    )


async def remember(store: Store, follower: Follower, clock: Clock, log: Logger) -> None:
    """Until cancelled. A database that is away is told, and asked again."""
    known = follower.position
    while True:
        await clock.sleep(REMEMBER_EVERY)
        if (position := follower.position) == known:
            continue
        try:
            await store.remember()
            known = position
        except FinialError as why:
            log.error("Failed to remember the history", error=why)
