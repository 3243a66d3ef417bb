"""The lab's configuration files, as a person would write them. Pure: text out.

SPIRE 1.15 reads them too, but for the workload attestor `launcher`, which is Finial's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from finial.lab.place import Place
from finial.lab.topology import Topology

SERVER = """\
# Written by `finial up`; changes are lost at the next one.
server {{
    trust_domain = {trust_domain}
    bind_address = {host}
    bind_port    = {port}
    socket_path  = {socket}
    data_dir     = {data}
    log_level    = "INFO"
}}

plugins {{
    DataStore "sql" {{
        plugin_data {{
            database_type     = {kind}
            connection_string = {database}
        }}
    }}

    KeyManager "disk" {{
        plugin_data {{
            keys_path = {keys}
        }}
    }}

    NodeAttestor "join_token" {{
        plugin_data {{}}
    }}
}}

telemetry {{
    Prometheus {{
        host = {host}
        port = {metrics}
    }}
}}
"""

AGENT = """\
# Written by `finial up`; changes are lost at the next one.
agent {{
    trust_domain      = {trust_domain}
    server_address    = {host}
    server_port       = {port}
    socket_path       = {socket}
    data_dir          = {data}
    trust_bundle_path = {bundle}
    join_token_file   = {token}
    log_level         = "INFO"
}}

plugins {{
    KeyManager "memory" {{
        plugin_data {{}}
    }}

    NodeAttestor "join_token" {{
        plugin_data {{}}
    }}

    WorkloadAttestor "unix" {{
        plugin_data {{}}
    }}

    # Knows the services that `finial up` started: selector launcher:service:<name>.
    WorkloadAttestor "launcher" {{
        plugin_data {{}}
    }}
}}

telemetry {{
    Prometheus {{
        host = {host}
        port = {metrics}
    }}
}}
"""


def server_conf(place: Place, topology: Topology, host: str, ports: Mapping[str, int], dsn: str = "") -> str:
    """`dsn`: of a PostgreSQL database; empty for a SQLite one in the lab's folder."""
    return SERVER.format(
        trust_domain=quoted(topology.trust_domain.name),
        host=quoted(host),
        port=ports["server"],
        metrics=ports["server-metrics"],
        socket=quoted(place.server_socket),
        data=quoted(place.data("server")),
        kind=quoted("postgres" if dsn else "sqlite3"),
        database=quoted(dsn or sqlite_file(place)),
        keys=quoted(place.data("server") / "keys.json"),
    )


def agent_conf(place: Place, topology: Topology, host: str, ports: Mapping[str, int]) -> str:
    return AGENT.format(
        trust_domain=quoted(topology.trust_domain.name),
        host=quoted(host),
        port=ports["server"],
        metrics=ports["agent-metrics"],
        socket=quoted(place.agent_socket),
        data=quoted(place.data("agent")),
        bundle=quoted(place.bundle),
        token=quoted(place.join_token),
    )


def sqlite_file(place: Place) -> Path:
    """The server's data where no other database is named."""
    return place.data("server") / "datastore.sqlite3"


def quoted(value: str | Path) -> str:
    """A string of HCL; its escapes are JSON's."""
    return json.dumps(str(value), ensure_ascii=False)
