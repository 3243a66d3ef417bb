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
    code, out, err = call("version", "-h")
    assert (code, err) == (0, "")
    assert out.startswith("Usage of version:\n")
    assert "-output string" in out
    assert "Examples:\n  finial version" in out


def test_help_that_was_asked_for_can_be_piped_and_goes_to_stderr_as_spire() -> None:
    assert call("--help")[1].startswith("Usage: finial")
    assert call("entry", "-h")[1].startswith("This command is accessed by")
    assert call("entry", "show", "-h", program="spire-server")[1] == ""


def test_wrong_flags_are_followed_by_the_usage_and_exit_1() -> None:
    code, out, err = call("entry", "show", "-nope", program="spire-server")
    assert (code, out) == (1, "")
    assert err.startswith("flag provided but not defined: -nope\nUsage of entry show:\n")


def test_by_our_own_name_what_is_wrong_comes_last() -> None:
    code, out, err = call("version", "-nope")
    assert (code, out) == (1, "")
    assert err.startswith("Usage of version:\n")
    assert err.endswith("\n\nError: flag provided but not defined: -nope\n")


def test_a_bad_format_is_refused_in_the_words_of_spire() -> None:
    _, _, err = call("entry", "show", "-output", "yaml", program="spire-server")
    assert err.startswith(
        'invalid value "yaml" for flag -output: bad formatter flag: unknown format option: "yaml"'
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("x509 mint -ttl 5", "a duration has a unit, as 30s, 10m or 24h"),
        ("token generate -ttl 1h", "a whole number is wanted"),
        ("bundle show -format yaml", "-format is one of pem, spiffe"),
        (
            "entry count -selector a:b -matchSelectorsOn all",
            "-matchSelectorsOn is one of exact, subset, superset, any",
        ),
        (
            "logger set -level loud",
            "-level is one of panic, fatal, error, warn, info, debug, trace",
        ),
        (
            "entry create -spiffeID a -parentID spiffe://b/c -selector a:b",
            '"a" is no SPIFFE ID: one looks like spiffe://example.org/web',
        ),
    ],
)
def test_a_value_that_cannot_be_is_told_what_can(words: str, hint: str) -> None:
    code, _, err = call(*words.split())
    assert code == 1
    assert err.endswith(f"\nhint: {hint}\n")


def test_a_value_that_is_told_what_it_may_be_needs_no_more() -> None:
    assert call("up", "-ttl", "3")[2].endswith("must be a number of seconds from 4 to 86400\n")


def test_words_that_are_no_flags_are_told() -> None:
    code, _, err = call("version", "entries")
    assert code == 0
    assert err == 'hint: "entries" is not read: `version` takes flags only, each with a - in front\n'
    assert "hint" not in call("entry", "show", "web", program="spire-server")[2]


def test_a_group_of_a_group_is_no_unknown_command() -> None:
    _, _, err = call("agent", "api")
    assert "there is no command" not in err
    assert 'there is no command "agent api fetsh"' in call("agent", "api", "fetsh")[2]


def test_a_flag_in_other_letters_is_named() -> None:
    _, _, err = call("entry", "show", "-spiffeid", "spiffe://example.org/a")
    assert err.endswith(
        '\nError: flag provided but not defined: -spiffeid\nhint: did you mean "-spiffeID"?\n'
    )


def test_a_verb_that_is_not_there_is_told_with_those_that_are() -> None:
    code, out, err = call("entry", "lst")
    assert (code, out) == (1, "")
    assert err.endswith('\nfinial: there is no command "entry lst"\n')
    assert "    show      Shows registration entries" in err


def test_a_group_by_the_name_of_spire_shows_every_usage() -> None:
    code, _, err = call("bundle", program="spire-server")
    assert code == 1
    assert err.startswith("Usage of bundle count:\n")
    assert "Usage of bundle show:\n" in err
    assert "This command is accessed by using one of the subcommands below." in err


def test_a_group_that_is_asked_for_help_is_no_error() -> None:
    assert call("entry", "-h")[0] == 0


def test_a_group_of_groups_shows_their_names_as_spire_and_every_verb_by_our_own_name() -> None:
    assert call("localauthority", program="spire-server")[2].endswith(
        "\n\nSubcommands:\n    jwt     \n    x509    \n"
    )
    assert "    x509 taint       Marks" in call("localauthority")[2]
