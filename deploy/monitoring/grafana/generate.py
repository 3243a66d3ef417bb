"""Writes the dashboards beside this file, from the panels below: one line for a question and the query that answers it.

python deploy/monitoring/grafana/generate.py            writes them
python deploy/monitoring/grafana/generate.py --check    writes nothing; exit 1 if one is not what would be written

A panel that may rightly be empty says why: its description begins with "Empty while", "Empty without" or "Empty in". With
"Empty with a stock SPIRE" it has data where all is Finial.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "dashboards"
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
QUIET = "Empty while nothing of this kind happens. "
OURS = "Empty with a stock SPIRE, which does not tell it. "
CACHED = "Empty with a stock SPIRE that has no events-based cache."
FAULTS = "Unknown|Internal|Unavailable|DeadlineExceeded|DataLoss"


@dataclass(frozen=True, slots=True)
class Panel:
    """`queries`: what is written beside a line -> PromQL. `unit`: Grafana's. `kind`: timeseries, stat or table."""

    title: str
    unit: str
    queries: Mapping[str, str]
    about: str = ""
    kind: str = "timeseries"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    job: str
    rows: Mapping[str, Sequence[Panel]]


def stat(title: str, unit: str, query: str, about: str = "") -> Panel:
    return Panel(title, unit, {"": query}, about, "stat", 4)


def rate(metric: str, by: str, where: str = "") -> str:
    labels = ",".join(part for part in ('instance=~"$instance"', where) if part)
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "") -> str:
    parts = ", ".join(part for part in ("le", by) if part)
    return f'histogram_quantile({share}, sum by ({parts}) (rate({metric}_bucket{{instance=~"$instance"}}[$__rate_interval])))'


SERVER = Dashboard(
    "finial-server",
    "SPIRE server",
    "spire-server",
    {
        "At a glance": (
            stat("Servers that answer", "short", 'sum(up{job="spire-server"})'),
            stat(
                "Firing alerts", "short", 'count(ALERTS{alertstate="firing",severity!="info"}) or vector(0)'
            ),
            stat("Entries", "short", "max(spire_server_entry_entries_by_entryid_cache_count)", CACHED),
            stat("Agents", "short", "max(spire_server_node_agents_by_id_cache_count)", CACHED),
            stat(
                "CA: left of its time",
                "percentunit",
                "min(instance:spire_ca_left:ratio)",
                "Of what it had as it was activated.",
            ),
            stat(
                "SVIDs a second", "ops", "sum(rate(spire_server_server_ca_sign_x509_svid[$__rate_interval]))"
            ),
        ),
        "Calls": (
            Panel(
                "Calls a second",
                "ops",
                {
                    "{{rpc}}": 'sum by (rpc) (instance_rpc_status:spire_server_rpc:rate5m{instance=~"$instance"}) > 0',
                },
            ),
            Panel(
                "Mean duration",
                "s",
                {
                    "{{rpc}}": 'avg by (rpc) (instance_rpc:spire_server_rpc_seconds:mean5m{instance=~"$instance"})'
                },
                "Streams last as long as their callers want.",
            ),
            Panel(
                "Calls by how they ended",
                "ops",
                {
                    "{{status}}": 'sum by (status) (instance_rpc_status:spire_server_rpc:rate5m{instance=~"$instance"}) > 0'
                },
            ),
            Panel(
                "Faults of the server",
                "percentunit",
                {
                    "{{instance}}": 'instance:spire_rpc_faults:ratio5m{job="spire-server",instance=~"$instance"}'
                },
                QUIET,
            ),
            Panel("Denials", "ops", {"{{reason}}": rate("finial_denials_total", "reason")}, QUIET + OURS),
            Panel(
                "Refused for their rate",
                "ops",
                {
                    "{{rpc}}": 'sum by (rpc) (instance_rpc_status:spire_server_ratelimit:rate5m{status!~"OK|Canceled",instance=~"$instance"})'
                },
                QUIET,
            ),
        ),
        "Signing": (
            Panel(
                "SVIDs issued",
                "ops",
                {"{{type}} {{status}}": rate("finial_svid_issuance_total", "type, status")},
                OURS,
            ),
            Panel(
                "Time to sign",
                "s",
                {
                    "{{type}} median": quantile(0.5, "finial_svid_issuance_latency_seconds", "type"),
                    "{{type}} 99 %": quantile(0.99, "finial_svid_issuance_latency_seconds", "type"),
                },
                OURS,
            ),
            Panel(
                "Attestations of nodes",
                "s",
                {"{{method}} {{status}}": rate("finial_node_attestation_seconds_count", "method, status")},
                OURS,
            ),
        ),
        "Process": (
            Panel(
                "Memory", "bytes", {"{{instance}}": 'spire_server_runtime_alloc_bytes{instance=~"$instance"}'}
            ),
            Panel(
                "Open connections",
                "short",
                {"{{instance}} {{listener}}": 'finial_connections{instance=~"$instance"}'},
                OURS,
            ),
            Panel("Up for", "ms", {"{{instance}}": 'spire_server_uptime_in_ms{instance=~"$instance"}'}),
        ),
    },
)

AGENTS = Dashboard(
    "finial-agents",
    "SPIRE agents and workloads",
    "spire-agent",
    {
        "At a glance": (
            stat("Agents that answer", "short", 'sum(up{job="spire-agent"})'),
            stat("Agents that do not", "short", 'count(up{job="spire-agent"} == 0) or vector(0)'),
            stat("Longest silence of a server", "s", "max(finial_server_silence_seconds)", OURS),
            stat("X.509-SVIDs held", "short", "sum(spire_agent_lru_cache_svid_map_size)"),
            stat("Workloads connected", "short", "sum(spire_agent_workload_api_connections)"),
            stat(
                "First SVID to expire",
                "s",
                'min(finial_expiration_seconds{kind="workload_svid"} > -Inf)',
                OURS,
            ),
        ),
        "Workload API": (
            Panel(
                "Calls a second, by how they ended",
                "ops",
                {
                    "{{rpc}} {{status}}": 'sum by (rpc, status) (instance_rpc_status:spire_agent_rpc:rate5m{instance=~"$instance"}) > 0'
                },
                QUIET,
            ),
            Panel(
                "Open calls",
                "short",
                {"{{instance}}": 'spire_agent_workload_api_connections{instance=~"$instance"}'},
            ),
            Panel(
                "Refused for their rate",
                "ops",
                {"{{method}}": rate("spire_agent_workload_api_rate_limit_exceeded", "method")},
                QUIET,
            ),
        ),
        "Attestation of workloads": (
            Panel(
                "Attestations",
                "ops",
                {"{{status}}": rate("spire_agent_workload_api_workload_attestation", "status")},
            ),
            Panel(
                "By attestor",
                "ops",
                {
                    "{{attestor}} {{status}}": rate(
                        "spire_agent_workload_api_workload_attestor", "attestor, status"
                    )
                },
            ),
            Panel(
                "Time of an attestor, 99 %",
                "s",
                {"{{method}}": quantile(0.99, "finial_workload_attestation_seconds", "method")},
                OURS,
            ),
        ),
        "Entries and SVIDs": (
            Panel(
                "Held",
                "short",
                {
                    "entries {{instance}}": 'spire_agent_lru_cache_record_map_size{instance=~"$instance"}',
                    "X.509-SVIDs {{instance}}": 'spire_agent_lru_cache_svid_map_size{instance=~"$instance"}',
                    "JWT-SVIDs {{instance}}": 'spire_agent_jwt_svid_cache_size{instance=~"$instance"}',
                },
            ),
            Panel(
                "X.509-SVIDs asked of the server",
                "ops",
                {"{{status}}": rate("spire_agent_manager_sync_fetch_svids_updates", "status")},
            ),
            Panel(
                "Left of their lifetime",
                "percentunit",
                {
                    "{{kind}} {{instance}}": 'instance_kind:finial_lifetime_left:ratio{job="spire-agent",instance=~"$instance"}'
                },
                OURS,
            ),
        ),
        "Trust and process": (
            Panel(
                "Trust is established",
                "bool",
                {"{{instance}}": 'spire_agent_bootstrapped{instance=~"$instance"}'},
            ),
            Panel(
                "Memory", "bytes", {"{{instance}}": 'spire_agent_runtime_alloc_bytes{instance=~"$instance"}'}
            ),
            Panel(
                "SVIDs of tainted authorities",
                "short",
                {
                    "{{instance}}": rate(
                        "spire_agent_cache_manager_tainted_x509_svids_workload_sum", "instance"
                    )
                },
                QUIET,
            ),
        ),
    },
)

PROPAGATION = Dashboard(
    "finial-propagation",
    "SPIRE propagation and rotation",
    "spire-server",
    {
        "The objective: 99 % of changes within 100 ms": (
            stat("Late, last hour", "percentunit", "max(job:finial_propagation_slow:ratio1h)", QUIET + OURS),
            stat(
                "Late, last 6 hours", "percentunit", "max(job:finial_propagation_slow:ratio6h)", QUIET + OURS
            ),
            stat(
                "Budget burnt, times what may be",
                "short",
                "max(job:finial_propagation_slow:ratio1h) / 0.01",
                QUIET + OURS,
            ),
            stat("Agents that watch", "short", "sum(finial_watchers)", OURS),
            stat(
                "Agents without the newest authority",
                "short",
                "max(finial_authority_adoption_pending_agents)",
                OURS,
            ),
            stat("Expire within a day", "short", 'max(window:finial_expiring:count{window="24h"})', OURS),
        ),
        "Changes": (
            Panel(
                "From a change to the agent's word for it",
                "s",
                {
                    "median": quantile(0.5, "finial_propagation_seconds"),
                    "99 %": quantile(0.99, "finial_propagation_seconds"),
                },
                OURS,
            ),
            Panel(
                "Changes that were told",
                "ops",
                {"{{instance}}": rate("finial_propagation_seconds_count", "instance")},
                OURS,
            ),
            Panel(
                "Position of each server",
                "short",
                {"{{instance}}": 'finial_change_log_position{instance=~"$instance"}'},
                OURS,
            ),
            Panel("Writes of entries", "ops", {"{{job}}": "job:spire_entry_writes:rate15m"}, QUIET),
            Panel(
                "Reloads of the index",
                "ops",
                {"{{status}}": rate("spire_server_entry_cache_reload", "status")},
            ),
            Panel(
                "Polls of agents",
                "ops",
                {
                    "{{status}}": "sum by (status) (rate(spire_agent_manager_sync_fetch_entries_updates[$__rate_interval]))"
                },
            ),
        ),
        "Rotation": (
            Panel(
                "Left of their lifetime",
                "percentunit",
                {"{{kind}} {{instance}}": "instance_kind:finial_lifetime_left:ratio"},
                OURS + "A new CA signs from 16.7 % on, SVIDs are renewed at 50 %.",
            ),
            Panel("Time left", "s", {"{{kind}} {{instance}}": "finial_expiration_seconds"}, OURS),
            Panel(
                "CA: time left",
                "s",
                {
                    "{{instance}}": 'spire_server_manager_x509_ca_rotate_expiration{instance=~"$instance"} - time()'
                },
            ),
            Panel(
                "Authorities prepared and activated",
                "short",
                {
                    "X.509 prepared {{status}}": 'sum by (status) (spire_server_ca_manager_x509_ca_prepare{instance=~"$instance"})',
                    "JWT prepared {{status}}": 'sum by (status) (spire_server_ca_manager_jwt_key_prepare{instance=~"$instance"})',
                    "X.509 activated": 'sum(spire_server_ca_manager_x509_ca_activate{instance=~"$instance"})',
                },
            ),
            Panel(
                "Agents that lack the newest authority",
                "short",
                {"{{instance}}": 'finial_authority_adoption_pending_agents{instance=~"$instance"}'},
                OURS,
            ),
            Panel(
                "Clocks, apart from Prometheus'",
                "s",
                {"{{job}} {{instance}}": "finial_clock_seconds - timestamp(finial_clock_seconds)"},
                OURS,
            ),
        ),
    },
)

DATABASE = Dashboard(
    "finial-database",
    "SPIRE database",
    "spire-server",
    {
        "At a glance": (
            stat("Could not be read for", "s", "max(finial_change_log_outage_seconds)", OURS),
            stat(
                "Faults a second",
                "ops",
                f'sum(instance_operation_status:spire_server_datastore:rate5m{{status=~"{FAULTS}"}}) or vector(0)',
            ),
            stat(
                "Storage used",
                "percentunit",
                "max(instance:database_storage_used:ratio)",
                "Empty without node_exporter or kubelet.",
            ),
            stat(
                "Connections used",
                "percentunit",
                "max(instance:database_connections_used:ratio)",
                "Empty without postgres_exporter.",
            ),
            stat("WAL", "bytes", "max(pg_wal_size_bytes)", "Empty without postgres_exporter."),
            stat(
                "Replica behind", "s", "max(pg_replication_lag_seconds)", "Empty without postgres_exporter."
            ),
        ),
        "As the server sees it": (
            Panel(
                "Operations a second",
                "ops",
                {
                    "{{operation}}": 'sum by (operation) (instance_operation_status:spire_server_datastore:rate5m{instance=~"$instance"})'
                },
            ),
            Panel(
                "Mean duration",
                "s",
                {
                    "{{operation}}": 'avg by (operation) (instance_operation:spire_server_datastore_seconds:mean5m{instance=~"$instance"})'
                },
                QUIET,
            ),
            Panel(
                "Operations that failed",
                "ops",
                {
                    "{{operation}} {{status}}": 'sum by (operation, status) (instance_operation_status:spire_server_datastore:rate5m{status!="OK",instance=~"$instance"})'
                },
                QUIET,
            ),
            Panel(
                "Reading changes, 99 %",
                "s",
                {"{{operation}}": quantile(0.99, "finial_store_operation_seconds", "operation")},
                OURS,
            ),
            Panel(
                "Pruned",
                "ops",
                {"entries {{status}}": rate("spire_server_registration_entry_manager_prune", "status")},
                "Empty in the first minutes: entries are pruned every 5 minutes.",
            ),
            Panel(
                "Not read for",
                "s",
                {"{{instance}}": 'finial_change_log_outage_seconds{instance=~"$instance"}'},
                OURS,
            ),
        ),
        "PostgreSQL": (
            Panel(
                "Storage used",
                "percentunit",
                {"{{instance}} {{persistentvolumeclaim}}": "instance:database_storage_used:ratio"},
                "Empty without node_exporter or kubelet.",
            ),
            Panel(
                "Operations of the disk",
                "iops",
                {
                    "{{instance}}": "instance:database_iops:rate5m",
                    "provisioned": "finial:limit:database_iops",
                },
                "Empty without node_exporter. The limit is yours to set, in rules/recording.yml.",
            ),
            Panel(
                "Connections by state",
                "short",
                {"{{state}}": "sum by (state) (pg_stat_activity_count)"},
                "Empty without postgres_exporter.",
            ),
            Panel(
                "Write-ahead log",
                "bytes",
                {"{{instance}}": "pg_wal_size_bytes", "max_wal_size": "pg_settings_max_wal_size_bytes"},
                "Empty without postgres_exporter.",
            ),
            Panel(
                "Replication lag",
                "s",
                {"{{instance}}": "pg_replication_lag_seconds"},
                "Empty without a replica.",
            ),
            Panel(
                "Deadlocks",
                "ops",
                {"{{datname}}": "sum by (datname) (rate(pg_stat_database_deadlocks[$__rate_interval]))"},
                "Empty without postgres_exporter.",
            ),
        ),
    },
)

DASHBOARDS = {"server": SERVER, "agents": AGENTS, "propagation": PROPAGATION, "database": DATABASE}


def as_json(board: Dashboard) -> dict[str, object]:
    panels: list[dict[str, object]] = []
    y = 0
    for title, row in board.rows.items():
        panels.append(heading(len(panels) + 1, title, y))
        y += 1
        x = tallest = 0
        for one in row:
            if x + one.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            height = 4 if one.kind == "stat" else 8
            panels.append(panel(len(panels) + 1, one, {"x": x, "y": y, "w": one.width, "h": height}))
            x, tallest = x + one.width, max(tallest, height)
        y += tallest
    return {
        "uid": board.uid,
        "title": board.title,
        "tags": ["spiffe", "finial"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [
            {"type": "dashboards", "tags": ["finial"], "title": "SPIRE", "asDropdown": True, "keepTime": True}
        ],
        "templating": {"list": variables(board.job)},
        "annotations": {"list": [alerts()]},
        "panels": panels,
    }


def heading(number: int, title: str, y: int) -> dict[str, object]:
    place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def panel(number: int, one: Panel, place: Mapping[str, int]) -> dict[str, object]:
    targets = [
        {
            "refId": chr(ord("A") + at),
            "datasource": DATASOURCE,
            "expr": query,
            "legendFormat": legend,
            "instant": one.kind == "stat",
            "range": one.kind != "stat",
        }
        for at, (legend, query) in enumerate(one.queries.items())
    ]
    return {
        "id": number,
        "type": one.kind,
        "title": one.title,
        "description": one.about.strip(),
        "datasource": DATASOURCE,
        "gridPos": dict(place),
        "fieldConfig": {
            "defaults": {"unit": one.unit, "min": 0} if one.unit != "s" else {"unit": "s"},
            "overrides": [],
        },
        "options": {}
        if one.kind == "stat"
        else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def variables(job: str) -> list[dict[str, object]]:
    every = f'label_values(up{{job="{job}"}}, instance)'
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "instance",
            "label": "Instance",
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": every, "refId": "instance"},
            "refresh": 2,
            "includeAll": True,
            "allValue": ".*",
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def alerts() -> dict[str, object]:
    return {
        "name": "Alerts",
        "enable": True,
        "iconColor": "red",
        "datasource": DATASOURCE,
        "expr": 'ALERTS{alertstate="firing",severity!="info"}',
        "titleFormat": "{{alertname}} {{instance}}",
    }


def main(arguments: list[str]) -> int:
    stale = False
    for name, board in DASHBOARDS.items():
        path, text = FOLDER / f"{name}.json", json.dumps(as_json(board), indent=2) + "\n"
        if path.exists() and path.read_text() == text:
            continue
        stale = True
        if "--check" not in arguments:
            path.write_text(text)
        sys.stdout.write(f"{path.name} {'is stale' if '--check' in arguments else 'written'}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
