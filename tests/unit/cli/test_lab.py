from __future__ import annotations

import io
from pathlib import Path

import pytest

from finial.cli import run
from finial.cli.console import Console
from finial.cli.lab import read_database, read_ttl
from finial.errors import InvalidArgument


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
