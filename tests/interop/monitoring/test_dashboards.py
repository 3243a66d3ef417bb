"""Dashboards and rules before a real Prometheus that reads a real lab: no query errs, and what must have data has."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from finial.lab.place import Place
from finial.testing.lab import Lab

MONITORING = Path(__file__).parents[3] / "deploy" / "monitoring"
NEW = [
    "-parentID",
    "spiffe://example.org/lab/node",
    "-spiffeID",
    "spiffe://example.org/new",
    "-selector",
    "unix:uid:4242",
]
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
MAY_BE_EMPTY = ("Empty while", "Empty without", "Empty in")
pytestmark = [pytest.mark.interop, pytest.mark.slow]


def queries(dashboard: Path) -> Iterator[tuple[str, str, bool]]:
    """(panel, PromQL, whether it must have data); what Grafana fills in is filled in."""
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel.get("targets", ()):
            text = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            yield panel["title"], text, not panel["description"].startswith(MAY_BE_EMPTY)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(Place.at(tmp_path_factory.mktemp("lab") / "lab"))
    made.reserve_ports()
    made.run("up", "-ttl", "20")
    yield made
    made.run("down")


@pytest.fixture(scope="module")
def reading(lab: Lab, prometheus: Callable[[Path], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Prometheus that has read the lab for a while. Its configuration is ours, but for addresses and for pauses,
    which are of a second."""
    folder = tmp_path_factory.mktemp("configuration")
    ports = lab.state().ports
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["alerting"] = {}
    for job, port in (("spire-server", "server-metrics"), ("spire-agent", "agent-metrics")):
        scrape = next(one for one in config["scrape_configs"] if one["job_name"] == job)
        scrape["static_configs"] = [{"targets": [f"127.0.0.1:{ports[port]}"]}]
    (folder / "rules").mkdir()
    for path in (MONITORING / "prometheus" / "rules").glob("*.yml"):
        (folder / "rules" / path.name).write_text(path.read_text().replace("[5m:30s]", "[1m:1s]"))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    started = prometheus(folder / "prometheus.yml")
    started.until(lambda: len(started.query("up == 1")) == 2, "reading of both")
    command(lab, "entry", "show")
    command(lab, "entry", "create", *NEW)
    settled = "sum by (rpc) (instance_rpc_status:spire_server_rpc:rate5m) > 0"
    started.until(lambda: len(started.query(settled)) > 1, "calls that are counted")
    started.until(lambda: bool(started.query("job:finial_propagation_slow:ratio1h")), "a change that arrives")
    return started


def command(lab: Lab, *words: str) -> None:
    """Of an operator of the lab's server."""
    typed = [*lab.prefix, sys.executable, "-m", "finial", *words]
    subprocess.run([*typed, "-socketPath", str(lab.place.server_socket)], check=True, capture_output=True)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_each_query_runs_and_what_must_have_data_has(reading: Any, dashboard: Path) -> None:
    without = [
        f"{panel}: {text}" for panel, text, must in queries(dashboard) if not reading.query(text) and must
    ]
    assert not without


def test_each_rule_is_evaluated_and_a_healthy_lab_is_silent(reading: Any) -> None:
    groups = reading.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 70
    reading.until(
        lambda: all(
            rule["health"] != "unknown" for group in reading.get("rules")["groups"] for rule in group["rules"]
        ),
        "the evaluation of each rule",
    )
    rules = [rule for group in reading.get("rules")["groups"] for rule in group["rules"]]
    assert not [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"]
    alarming = [
        (alert["labels"], alert["state"])
        for rule in rules
        for alert in rule.get("alerts", ())
        if alert["labels"]["severity"] != "info"
    ]
    assert not alarming
