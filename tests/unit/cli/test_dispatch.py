from __future__ import annotations

import io

import pytest

from finial.cli import UNKNOWN_COMMAND, run
from finial.cli.console import Console


def call(*words: str, program: str = "finial") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run(list(words), Console(program=program, stdout=out, stderr=err)), out.getvalue(), err.getvalue()


@pytest.mark.parametrize("program", ["finial", "spire-server", "spire-agent"])
def test_without_a_command_the_overview_and_127(program: str) -> None:
    code, out, err = call(program=program)
    assert (code, out) == (UNKNOWN_COMMAND, "")
    assert err.startswith(f"Usage: {program} [--version] [--help] <command> [<args>]\n")


@pytest.mark.parametrize("form", ["-h", "--help"])
def test_help_is_no_error(form: str) -> None:
    code, _, err = call(form, program="spire-server")
    assert code == 0
    assert err.startswith("Usage: spire-server")


def test_an_unknown_command_is_127_and_near_ones_are_named() -> None:
    code, _, err = call("versoin")
    assert code == UNKNOWN_COMMAND
    assert 'there is no command "versoin"; did you mean "version"?' in err


def test_spire_names_print_no_more_than_spire() -> None:
    code, _, err = call("nope", program="spire-server")
    assert code == UNKNOWN_COMMAND
    assert "did you mean" not in err


def test_help_of_a_command_shows_flags_and_examples() -> None:
    code, _, err = call("version", "-h")
    assert code == 0
    assert err.startswith("Usage of version:\n")
    assert "-output string" in err
    assert "Examples:\n  finial version" in err


def test_wrong_flags_are_followed_by_the_usage_and_exit_1() -> None:
    code, out, err = call("version", "-nope")
    assert (code, out) == (1, "")
    assert err.startswith("flag provided but not defined: -nope\nUsage of version:\n")


def test_a_bad_format_is_refused_in_the_words_of_spire() -> None:
    _, _, err = call("version", "-output", "yaml")
    assert err.startswith(
        'invalid value "yaml" for flag -output: bad formatter flag: unknown format option: "yaml"'
    )
