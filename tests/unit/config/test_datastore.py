from __future__ import annotations

from datetime import timedelta

import pytest

from finial.config.datastore import DataStoreOptions, datastore_of
from finial.config.problems import ConfigError
from finial.config.server import load_server


def read(plugins: str) -> DataStoreOptions:
    text = f'server {{ trust_domain = "a.test" data_dir = "d" }}\nplugins {{ KeyManager "memory" {{}} {plugins} }}'
    return datastore_of(load_server(text, "f").plugins)


def test_sqlite_with_a_path_is_what_works() -> None:
    options = read('DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "x" } }')
    assert (options.database_type, options.connection_string) == ("sqlite3", "x")


def test_postgresql_has_a_pool() -> None:
    options = read(
        'DataStore "sql" { plugin_data { database_type = "postgres" connection_string = "host=db"'
        ' max_open_conns = 5 max_idle_conns = 4 conn_max_lifetime = "1h" } }'
    )
    assert (options.max_open_conns, options.max_idle_conns) == (5, 4)
    assert options.conn_max_lifetime == timedelta(hours=1)


@pytest.mark.parametrize(
    ("plugins", "sentence"),
    [
        ("", "'datastore' must be configured"),
        ('DataStore "sql" { enabled = false }', "'datastore' must be configured"),
        ('DataStore "sql" { plugin_data {} }', "datastore-sql: database_type must be set"),
        (
            'DataStore "sql" { plugin_data { database_type = "sqlite3" } }',
            "datastore-sql: connection_string must be set",
        ),
        (
            'DataStore "sql" { plugin_data { database_type = "mysql" connection_string = "x" } }',
            'database_type "mysql" is not supported: only SQLite and PostgreSQL are served yet',
        ),
        (
            'DataStore "sql" { plugin_data { database_type = "x" } }',
            "datastore-sql: unsupported database_type: x",
        ),
        (
            'DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "x" max_open_conns = 5 } }',
            "max_open_conns is not supported",
        ),
    ],
)
def test_everything_else_is_refused(plugins: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(plugins)
    assert sentence in str(caught.value)


def test_a_password_in_a_connection_string_is_never_part_of_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        read(
            'DataStore "sql" { plugin_data { database_type = "mysql" connection_string = "password=s3cret" } }'
        )
    assert "s3cret" not in str(caught.value)


def test_notifications_may_come_past_a_pooler() -> None:
    listening = 'listen_connection_string = "host=direct" connection_string = "x"'
    options = read(f'DataStore "sql" {{ plugin_data {{ database_type = "postgres" {listening} }} }}')
    assert options.listen_connection_string == "host=direct"
    with pytest.raises(ConfigError, match="listen_connection_string is not supported: SQLite sends no"):
        read(f'DataStore "sql" {{ plugin_data {{ database_type = "sqlite3" {listening} }} }}')
