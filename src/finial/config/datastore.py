"""The plugin block `DataStore "sql"`: which database, and how it is reached."""


from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from finial.config.options import option, refused
from finial.config.plugins import PluginConfig, decode_options
from finial.config.problems import ConfigError, Fault, Problem
from finial.config.tree import Object, Position
from finial.errors import InvalidArgument

SQLITE_ONLY = refused("only SQLite is served yet")
ONE_CONNECTION = refused("SQLite has one writer; connections are not pooled")


def database_type(text: str) -> str:
    """Raises: InvalidArgument for what does not work here or is unknown."""
    if text == "sqlite3":
        return text
    if text in ("postgres", "mysql"):
        raise InvalidArgument(f'database_type "{text}" is not supported: only SQLite is served yet')
    raise InvalidArgument(f"datastore-sql: unsupported database_type: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStoreOptions:
    database_type: str = option("", "Kind of database: `sqlite3`.", parse=database_type)
    connection_string: str = option("", "Path of the database, or SQLite's file: URI.")
    ro_connection_string: str = option("", "Replica for reads that may be stale.", status=SQLITE_ONLY)
    root_ca_path: str = option("", "CAs of the database, PEM.", status=SQLITE_ONLY)
    client_cert_path: str = option("", "Client certificate, PEM.", status=SQLITE_ONLY)
    client_key_path: str = option("", "Its key, PEM.", status=SQLITE_ONLY)
    aws_postgres: Object | None = option(None, "PostgreSQL with AWS credentials.", status=SQLITE_ONLY)
    aws_mysql: Object | None = option(None, "MySQL with AWS credentials.", status=SQLITE_ONLY)
    max_open_conns: int = option(100, "Most open connections.", status=ONE_CONNECTION)
    max_idle_conns: int = option(100, "Most idle connections.", status=ONE_CONNECTION)
    conn_max_lifetime: timedelta = option(
        timedelta(),
        "Lifetime of a connection.",
        status=ONE_CONNECTION,
        failure="failed to parse conn_max_lifetime {}",
    )
    disable_migration: bool = option(
        False, "Refuses a database of another schema version.", status=refused("a database is always checked")
    )


def datastore_of(plugins: Sequence[PluginConfig]) -> DataStoreOptions:
    """The options of the one data store that `load_server` made sure of. Raises: ConfigError."""
    block = next(one for one in plugins if one.type == "DataStore" and one.enabled)
    options = decode_options(block, DataStoreOptions)
    for name in ("database_type", "connection_string"):
        if not getattr(options, name):
            raise problem(f"datastore-sql: {name} must be set", block.at)
    return options


def problem(text: str, at: Position) -> ConfigError:
    return ConfigError([Problem(Fault.VALUE, at, text)])
