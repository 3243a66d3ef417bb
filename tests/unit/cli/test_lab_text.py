from __future__ import annotations

from pathlib import Path

from finial.cli.lab_text import aligned, status_table, summary, up_record
from finial.lab.lifecycle import Up
from finial.lab.place import Place
from finial.lab.state import State

SERVER = {
    "name": "server",
    "pid": 7,
    "port": 8081,
    "metrics_port": 9988,
    "up": True,
    "restarts": 0,
    "problem": "",
}
WEB = {
    "name": "payment-api",
    "pid": 8,
    "port": 18444,
    "metrics_port": None,
    "up": True,
    "restarts": 1,
    "problem": "",
    "id": "spiffe://example.org/ns/production/sa/payment-api",
    "not_after": "2026-01-01T00:00:00+00:00",
    "rotations": 3,
    "calls": {"ok": 4, "denied": 2, "failed": 0, "wrong": 0},
}
PORTS = {"server": 8081, "server-metrics": 9988, "agent-metrics": 9989}
STATUS = {"trust_domain": "example.org", "database": "sqlite", "processes": [SERVER, WEB]}


def test_the_status_tells_where_the_console_is() -> None:
    page = {**SERVER, "name": "console", "port": 3001}
    assert "http://127.0.0.1:3001," in status_table({**STATUS, "processes": [SERVER, page]})
    assert "http" not in status_table(STATUS)


def test_the_status_has_a_row_for_each_process() -> None:
    lines = status_table(STATUS).splitlines()
    assert lines[0].split() == [
        "NAME",
        "PID",
        "PORT",
        "METRICS",
        "STATE",
        "RESTARTS",
        "SVID",
        "UNTIL",
        "ROTATIONS",
        "CALLS",
        "DENIED",
        "FAILED",
        "WRONG",
    ]
    assert lines[1].split() == ["server", "7", "8081", "9988", "up", "0"]
    assert lines[2].split() == [
        "payment-api",
        "8",
        "18444",
        "-",
        "up",
        "1",
        "2026-01-01T00:00:00Z",
        "3",
        "4",
        "2",
        "0",
        "0",
    ]


def test_a_process_that_is_down_tells_why() -> None:
    row = {**SERVER, "up": False, "pid": None, "problem": "ended with code 1"}
    assert "ended with code 1" in status_table({"processes": [row]})


def test_the_summary_tells_where_everything_is(tmp_path: Path) -> None:
    place = Place.at(tmp_path, {})
    text = summary(place, Up(STATUS, State(PORTS), started=True, moved={}), " -dir /x", "bin/finial")
    assert f"export SPIFFE_ENDPOINT_SOCKET=unix://{place.agent_socket}" in text
    assert (
        "payment-api        https://127.0.0.1:18444  spiffe://example.org/ns/production/sa/payment-api"
        in text
    )
    assert f"bin/finial entry show -socketPath {place.server_socket}" in text
    assert "try  bin/finial verify -dir /x" in text
    assert "database       sqlite" in text
    assert "http://127.0.0.1:9988/metrics of the server, http://127.0.0.1:9989/metrics of the agent" in text


def test_columns_are_aligned() -> None:
    assert aligned([("a", "b"), ("long", "c")]) == "a     b\nlong  c"


def test_programs_are_told_where_everything_is(tmp_path: Path) -> None:
    place = Place.at(tmp_path, {})
    record = up_record(place, Up(STATUS, State(PORTS), started=True, moved={}))
    assert record["ports"] == PORTS
    assert record["workload_api"] == f"unix://{place.agent_socket}"
    assert record["started"] is True
