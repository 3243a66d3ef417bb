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

NO_REPLICA = refused("everything is read on the primary, where the change log is")
MYSQL_ONLY = refused("it is MySQL's; for PostgreSQL name sslrootcert, sslcert, sslkey in connection_string")
NO_CLOUD = refused("only SQLite and PostgreSQL with a connection_string are served yet")
POOL = ("max_open_conns", "max_idle_conns", "conn_max_lifetime")
NO_NOTIFICATIONS = "listen_connection_string is not supported: SQLite sends no notifications"


def database_type(text: str) -> str:
    """Raises: InvalidArgument for what does not work here or is unknown."""
    if text in ("sqlite3", "postgres"):
        return text
    if text == "mysql":
        raise InvalidArgument(
            f'database_type "{text}" is not supported: only SQLite and PostgreSQL are served yet'
        )
    raise InvalidArgument(f"datastore-sql: unsupported database_type: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStoreOptions:
    database_type: str = option("", "Kind of database: `sqlite3` or `postgres`.", parse=database_type)
    connection_string: str = option(
        "", "Path of the database or SQLite's file: URI; PostgreSQL's key=value pairs or postgres:// address."
    )
    listen_connection_string: str = option(
        "",
        "PostgreSQL past a pooler, for notifications of changes; `connection_string` by default. Finial's own.",
    )
    ro_connection_string: str = option("", "Replica for reads that may be stale.", status=NO_REPLICA)
    root_ca_path: str = option("", "CAs of a MySQL database, PEM.", status=MYSQL_ONLY)
    client_cert_path: str = option("", "Client certificate for MySQL, PEM.", status=MYSQL_ONLY)
    client_key_path: str = option("", "Its key, PEM.", status=MYSQL_ONLY)
    aws_postgres: Object | None = option(None, "PostgreSQL with AWS credentials.", status=NO_CLOUD)
    aws_mysql: Object | None = option(None, "MySQL with AWS credentials.", status=NO_CLOUD)
    max_open_conns: int | None = option(
        None, "Most connections to PostgreSQL: 100 by default, at least 3. No more than 13 are opened."
    )
    max_idle_conns: int | None = option(
        None, "Most connections to PostgreSQL that are kept: 100 by default. Three are kept in any case."
    )
    conn_max_lifetime: timedelta | None = option(
        None,
        "Age at which a connection to PostgreSQL is made anew; without end by default.",
        failure="failed to parse conn_max_lifetime {}",
    )
    disable_migration: bool = option(
        False,
        "Changes no table of a database that is there: one without Finial's change log, or of an older schema, is"
        " refused. An empty database is created all the same.",
    )


def datastore_of(plugins: Sequence[PluginConfig]) -> DataStoreOptions:
    """The options of the one data store that `load_server` made sure of. Raises: ConfigError."""
    block = next(one for one in plugins if one.type == "DataStore" and one.enabled)
    options = decode_options(block, DataStoreOptions)
    for name in ("database_type", "connection_string"):
        if not getattr(options, name):
            raise problem(f"datastore-sql: {name} must be set", block.at)
    if options.database_type == "sqlite3":
        for name in POOL:
            if getattr(options, name) is not None:
                raise problem(f"{name} is not supported: SQLite has one writer, and no pool", block.at)
        if options.listen_connection_string:
            raise problem(NO_NOTIFICATIONS, block.at)
    return options


def problem(text: str, at: Position) -> ConfigError:
    return ConfigError([Problem(Fault.VALUE, at, text)])
