"""Configuration files of tests: text in which a test says only what it is about.

An agent of `example.org` keeps all that it has in one folder: `agent` (its data), `agent.sock`, `bundle.pem`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

HOST = "127.0.0.1"
JOIN_TOKEN = 'NodeAttestor "join_token" { plugin_data {} }'  # noqa: S105 - a plugin's name
KEYS_IN_MEMORY = 'KeyManager "memory" { plugin_data {} }'
UNIX = 'WorkloadAttestor "unix" { plugin_data {} }'
UNIX_WITH_PATHS = 'WorkloadAttestor "unix" { plugin_data { discover_workload_path = true } }'

AGENT = """
agent {{
    trust_domain = "{trust_domain}"
    server_address = "{host}"
    server_port = {port}
    socket_path = "{folder}/agent.sock"
    data_dir = "{folder}/agent"
    {options}
}}
plugins {{
    {plugins}
}}
"""
SERVER = """
server {{
    trust_domain = "{trust_domain}"
    bind_address = "{host}"
    bind_port = {port}
    socket_path = "{folder}/server.sock"
    data_dir = "{folder}/server"
    {options}
}}
plugins {{
    DataStore "sql" {{ plugin_data {{ database_type = "{database_type}" connection_string = "{database}" }} }}
    KeyManager "disk" {{ plugin_data {{ keys_path = "{folder}/server/keys.json" }} }}
    {plugins}
}}
"""


def agent_conf(
    folder: Path,
    *options: str,
    port: int = 8081,
    trust_domain: str = "example.org",
    plugins: Sequence[str] = (JOIN_TOKEN, KEYS_IN_MEMORY, UNIX),
) -> str:
    """`options` are lines of section `agent`, without a first bundle unless named; `port` is the server's."""
    return AGENT.format(
        folder=folder,
        options="\n    ".join(options),
        port=port,
        host=HOST,
        trust_domain=trust_domain,
        plugins="\n    ".join(plugins),
    )


def server_conf(
    folder: Path,
    *options: str,
    port: int,
    trust_domain: str = "example.org",
    database: str = "",
    plugins: Sequence[str] = (JOIN_TOKEN,),
) -> str:
    """`database`: the address of a PostgreSQL database, in place of a SQLite file."""
    return SERVER.format(
        folder=folder,
        options="\n    ".join(options),
        port=port,
        host=HOST,
        trust_domain=trust_domain,
        database_type="postgres" if database else "sqlite3",
        database=database or f"{folder}/server/data.sqlite3",
        plugins="\n    ".join(plugins),
    )


def trust_bundle(folder: Path) -> str:
    """The option that names the first bundle."""
    return f'trust_bundle_path = "{folder}/bundle.pem"'


def agent_keys(folder: Path) -> str:
    """The plugin that keeps an agent's keys beside its data."""
    return f'KeyManager "disk" {{ plugin_data {{ directory = "{folder}/agent" }} }}'
