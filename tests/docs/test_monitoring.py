"""The monitoring package: each alert says all that a person needs, and nothing asks for a metric that nobody tells."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from finial.runtime.metrics.catalogue import KNOWN

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
REQUIREMENTS = (ROOT / "docs" / "requirements.md").read_text()
STOCK = Path(__file__).parent / "spire_metrics"
SEVERITIES, FED_BY = {"critical", "warning", "info"}, {"any", "finial", "spire", "exporter"}
METRIC = re.compile(
    r"(?<![\w:$])((?:spire_server|spire_agent|finial|pg|node|kubelet|container)_[a-zA-Z0-9_]+)(?![\w:])"
)
PART = re.compile(r"_(elapsed_time_sum|elapsed_time_count|elapsed_time|bucket|sum|count)$")
# Of postgres_exporter 0.15, node_exporter, the kubelet and cAdvisor.
EXPORTED = {
    "pg_up pg_stat_activity_count pg_settings_max_connections pg_wal_size_bytes pg_settings_max_wal_size_bytes",
    "pg_replication_lag_seconds pg_stat_database_deadlocks node_time_seconds node_filesystem_avail_bytes",
    "node_filesystem_size_bytes node_disk_reads_completed_total node_disk_writes_completed_total",
    "kubelet_volume_stats_used_bytes kubelet_volume_stats_capacity_bytes container_memory_working_set_bytes",
    "container_spec_memory_limit_bytes container_cpu_cfs_throttled_periods_total container_cpu_cfs_periods_total",
}
# Of a stock SPIRE alone, which shows them only once there is something to show.
STOCK_ONLY = {
    "spire_server_entry_skipped_entry_event_ids_count",
    "spire_server_node_skipped_node_event_ids_count",
}


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted((MONITORING / "prometheus" / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for path in (MONITORING / "grafana" / "dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            yield from (target["expr"] for target in panel.get("targets", ()))


def without_labels(query: str) -> str:
    """Nor texts: what is left are names of metrics, functions and of labels to group by."""
    return re.sub(r'"(?:[^"\\]|\\.)*"|(?:by|on|ignoring|group_left) \([^)]*\)', '""', query)


def metrics_of(query: str) -> set[str]:
    return set(METRIC.findall(without_labels(query)))


def known() -> set[str]:
    """As Prometheus shows them, without parts of summaries and histograms."""
    ours = {key.replace(".", "_") for key in KNOWN}
    found = {f"spire_{program}_{key}" for program in ("server", "agent") for key in ours} | ours
    for program in ("server", "agent"):
        lines = (STOCK / f"{program}.txt").read_text().splitlines()
        found |= {PART.sub("", line.split()[0]) for line in lines if not line.startswith("#")}
    return found | {name for line in EXPORTED for name in line.split()} | STOCK_ONLY


def test_nothing_asks_for_a_metric_that_nobody_tells() -> None:
    asked = {name for query in queries() for name in metrics_of(query)}
    assert len(asked) > 80
    assert not {name for name in asked if name not in known() and PART.sub("", name) not in known()}


def test_what_is_recorded_is_there_to_be_asked_for() -> None:
    asked = {name for query in queries() for name in re.findall(r"\b[a-z_]+:[a-z_]+:\w+", query)}
    assert asked == RECORDED.keys()


def sources(query: str) -> set[str]:
    """Metrics that a query rests on, through what is recorded."""
    found = metrics_of(query) | set(re.findall(r'__name__=~"(spire_[^"]+)"', query))
    for name in re.findall(r"\b[a-z_]+:[a-z_]+:\w+", query):
        found |= sources(RECORDED[name])
    return found | {"up"} if re.search(r"\bup\b", query) else found


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_what_and_where(name: str) -> None:
    labels, notes = ALERTS[name]["labels"], ALERTS[name]["annotations"]
    assert labels.keys() == {"severity", "fed_by"}
    assert labels["severity"] in SEVERITIES and labels["fed_by"] in FED_BY
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert "$labels." in notes["description"]
    assert "$value" in notes["description"] or re.search(
        r"^\s*(up|absent|max_over_time|pg_up)\b", ALERTS[name]["expr"]
    )
    assert notes["runbook_url"] == f"docs/runbooks.md#{name.lower()}"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_fed_by_whom_it_names(name: str) -> None:
    fed_by, found = ALERTS[name]["labels"]["fed_by"], sources(ALERTS[name]["expr"])
    ours = {one for one in found if one.startswith("finial_") or one == "up"}
    if fed_by == "finial":
        assert found == ours
    elif fed_by == "any":
        assert found - ours or found == {"up"}
    else:
        assert not ours


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    sections = dict(re.findall(r"^### (\w+)\n\n\*(\w+);", RUNBOOKS, re.MULTILINE))
    assert sections == {name: rule["labels"]["severity"].capitalize() for name, rule in ALERTS.items()}
    bodies = RUNBOOKS.split("\n### ")[1:]
    for part in ("**Meaning.**", "**Impact.**", "**Diagnosis.**", "$ finial ", "**Remedy.**"):
        assert all(part in body for body in bodies)


def test_alertmanager_names_alerts_that_are_there() -> None:
    config = yaml.safe_load((MONITORING / "alertmanager" / "alertmanager.yml").read_text())
    for rule in config["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
            if label == "alertname":
                for one in value.split("|") if "(" not in value else [value]:
                    assert any(re.fullmatch(one, name) for name in ALERTS), matcher


def test_dashboards_are_what_would_be_written() -> None:
    command = [sys.executable, str(MONITORING / "grafana" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_each_requirement_has_a_row_whose_tests_and_alerts_are_there() -> None:
    rows = dict(re.findall(r"^\| ([A-Z]+\d+) \|(.*)\|$", REQUIREMENTS, re.MULTILINE))
    assert {f"M{n}" for n in range(1, 13)} | {f"A{n}" for n in range(1, 19)} <= rows.keys()
    for name, test in re.findall(r"`([\w/]+\.py)::(\w+)`", REQUIREMENTS):
        assert f"def {test}(" in (ROOT / "tests" / name).read_text(), f"{name}::{test}"
    for row in (rows[f"A{n}"] for n in range(1, 18)):
        assert set(re.findall(r"`(\w+)`", row)) <= ALERTS.keys()
    assert all("`" in row.split("|")[1] or row.split("|")[2].strip() for row in rows.values())
