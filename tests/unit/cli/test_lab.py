from __future__ import annotations

import io
from pathlib import Path

import pytest

from finial.cli import run
from finial.cli.console import Console
from finial.cli.lab import aligned, read_database, read_ttl, status_table, summary
from finial.errors import InvalidArgument
from finial.lab.lifecycle import Up
from finial.lab.place import Place
from finial.lab.state import State

SERVER = {"name": "server", "pid": 7, "port": 8081, "up": True, "restarts": 0, "problem": ""}
WEB = {
    "name": "payment-api",
    "pid": 8,
    "port": 18444,
    "up": True,
    "restarts": 1,
    "problem": "",
    "id": "spiffe://example.org/ns/production/sa/payment-api",
    "not_after": "2026-01-01T00:00:00+00:00",
    "rotations": 3,
    "calls": {"ok": 4, "denied": 2, "failed": 0, "wrong": 0},
}
STATUS = {"trust_domain": "example.org", "database": "sqlite", "processes": [SERVER, WEB]}


def call(*words: str) -> tuple[int, str, str]:
    console = Console(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    code = run(list(words), console)
    assert isinstance(console.stdout, io.StringIO)
    assert isinstance(console.stderr, io.StringIO)
    return code, console.stdout.getvalue(), console.stderr.getvalue()


@pytest.mark.parametrize("text", ["3", "-1", "1h", "", "86401"])
def test_lifetimes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="must be a number of seconds from 4 to 86400"):
        read_ttl(text)


def test_lifetimes_are_seconds() -> None:
    assert (read_ttl("0"), read_ttl("10")) == (0, 10)


def test_the_status_has_a_row_for_each_process() -> None:
    lines = status_table(STATUS).splitlines()
    assert lines[0].split() == [
        "NAME",
        "PID",
        "PORT",
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
    assert lines[1].split() == ["server", "7", "8081", "up", "0"]
    assert lines[2].split() == [
        "payment-api",
        "8",
        "18444",
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
    text = summary(place, Up(STATUS, State({"server": 8081}), started=True, moved={}), " -dir /x")
    assert f"export SPIFFE_ENDPOINT_SOCKET=unix://{place.agent_socket}" in text
    assert (
        "payment-api        https://127.0.0.1:18444  spiffe://example.org/ns/production/sa/payment-api"
        in text
    )
    assert f"finial entry show -socketPath {place.server_socket}" in text
    assert "finial verify -dir /x" in text
    assert "database       sqlite" in text


def test_columns_are_aligned() -> None:
    assert aligned([("a", "b"), ("long", "c")]) == "a     b\nlong  c"


def test_without_a_lab_status_and_verify_tell_the_next_step(tmp_path: Path) -> None:
    for verb in ("status", "verify"):
        code, _, err = call(verb, "-dir", str(tmp_path / "none"))
        assert code == 1
        assert "hint: finial up starts one" in err


def test_down_of_nothing_is_no_error(tmp_path: Path) -> None:
    assert call("down", "-dir", str(tmp_path / "none"))[0] == 0


def test_up_into_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    code, _, err = call("up", "-dir", str(tmp_path))
    assert code == 1
    assert "is not empty and holds no lab" in err
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_restart_wants_one_name(tmp_path: Path) -> None:
    code, _, err = call("lab", "restart", "-dir", str(tmp_path))
    assert code == 1
    assert "restart wants one name" in err


@pytest.mark.parametrize("text", ["embedded", "host=db user=ada", "postgres://ada@db/spire"])
def test_a_database_is_named_as_a_server_names_it(text: str) -> None:
    assert read_database(text) == text


def test_a_word_is_no_database() -> None:
    with pytest.raises(InvalidArgument, match="key=value pairs"):
        read_database("payment-api")
