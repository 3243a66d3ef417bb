from __future__ import annotations

from dataclasses import dataclass

import pytest

from finial.cli.flags import HelpRequested, UsageError, flag, parse, usage
from finial.errors import InvalidArgument


def even(text: str) -> int:
    if int(text) % 2:
        raise InvalidArgument("is odd")
    return int(text)


@dataclass(frozen=True, slots=True)
class Sample:
    spiffe_id: str = flag("", "The SPIFFE ID", name="spiffeID")
    ttl: int = flag(0, "Seconds", name="x509SVIDTTL")
    admin: bool = flag(False, "If set, an admin")
    selectors: tuple[str, ...] = flag((), "May be repeated", name="selector")
    audience: tuple[str, ...] = flag((), "Comma separated", separator=",")
    pair: int = flag(2, "An even number", read=even)
    store: str = flag("", "A database", bare="own")


@pytest.mark.parametrize("form", [["-spiffeID", "a"], ["--spiffeID", "a"], ["-spiffeID=a"], ["--spiffeID=a"]])
def test_a_value_is_given_in_four_forms(form: list[str]) -> None:
    assert parse(Sample, form)[0].spiffe_id == "a"


def test_defaults_stand_where_nothing_is_given() -> None:
    values, rest = parse(Sample, [])
    assert (values, rest) == (Sample(), [])


@pytest.mark.parametrize(("text", "value"), [("-admin", True), ("-admin=false", False), ("--admin=T", True)])
def test_booleans_take_a_value_only_after_the_equals_sign(text: str, value: bool) -> None:
    values, rest = parse(Sample, [text, "stray"])
    assert values.admin is value
    assert rest == ["stray"]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["-store"], "own"),
        (["-store", "-admin"], "own"),
        (["-store", "x"], "x"),
        (["-store=y"], "y"),
        ([], ""),
    ],
)
def test_a_flag_may_mean_something_without_a_value(arguments: list[str], value: str) -> None:
    assert parse(Sample, arguments)[0].store == value


def test_lists_are_repeated_or_separated() -> None:
    values, _ = parse(Sample, ["-selector", "a:b", "-selector=c:d", "-audience", "x,y", "-audience", "z"])
    assert values.selectors == ("a:b", "c:d")
    assert values.audience == ("x", "y", "z")


@pytest.mark.parametrize(
    "arguments", [["-admin", "word", "-x509SVIDTTL", "1"], ["-admin", "--", "-x509SVIDTTL"], ["-admin", "-"]]
)
def test_flags_end_at_the_first_word_that_is_none(arguments: list[str]) -> None:
    values, rest = parse(Sample, arguments)
    assert values.ttl == 0
    assert rest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-nope"], "flag provided but not defined: -nope"),
        (["-spiffeID"], "flag needs an argument: -spiffeID"),
        (["-x509SVIDTTL", "abc"], 'invalid value "abc" for flag -x509SVIDTTL: parse error'),
        (["-x509SVIDTTL", str(2**63)], f'invalid value "{2**63}" for flag -x509SVIDTTL: value out of range'),
        (["-admin=maybe"], 'invalid boolean value "maybe" for -admin: parse error'),
        (["-pair", "3"], 'invalid value "3" for flag -pair: is odd'),
        (["---admin"], "bad flag syntax: ---admin"),
        (["-=x"], "bad flag syntax: -=x"),
    ],
)
def test_wrong_arguments_are_refused_in_the_words_of_go(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as wrong:
        parse(Sample, arguments)
    assert wrong.value.message == message


@pytest.mark.parametrize(("text", "value"), [("010", 8), ("0x10", 16), ("-5", -5), ("1_000", 1000), ("0", 0)])
def test_integers_are_read_with_the_prefixes_of_go(text: str, value: int) -> None:
    assert parse(Sample, ["-x509SVIDTTL", text])[0].ttl == value


@pytest.mark.parametrize("text", ["-h", "--help", "-help"])
def test_help_is_asked_for(text: str) -> None:
    with pytest.raises(HelpRequested):
        parse(Sample, [text])


def test_usage_names_each_flag_its_kind_and_its_default() -> None:
    text = usage(Sample)
    assert "  -spiffeID string\n    \tThe SPIFFE ID\n" in text
    assert "  -admin\n    \tIf set, an admin\n" in text
    assert "  -selector value\n" in text
    assert "An even number (default 2)" in text
