from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest

from finial.config.options import WORKS, Kind, one_of, option, options_of, refused, required, subsumed
from finial.config.tree import Object
from finial.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    a: str = option("", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    text: str = required("help", "text must be configured")
    number: int | None = option(None, "help", unit="bytes")
    yes: bool = option(False, "help")
    wait: timedelta = option(timedelta(), "help")
    texts: tuple[str, ...] = option((), "help")
    block: Inner = option(Inner(), "help")
    blocks: tuple[Inner, ...] = option((), "help")
    labelled: Mapping[str, Inner] = option({}, "help")
    map: Mapping[str, str] = option({}, "help")
    raw: Object | None = option(None, "help")
    parsed: tuple[bytes, ...] = option((), "help", parse=str.encode, key="Parsed_Text")
    no_option: int = 5


def test_the_type_of_a_field_says_how_it_is_written() -> None:
    assert {name: one.kind for name, one in options_of(Every).items()} == {
        "text": Kind.TEXT,
        "number": Kind.NUMBER,
        "yes": Kind.BOOL,
        "wait": Kind.DURATION,
        "texts": Kind.TEXTS,
        "block": Kind.BLOCK,
        "blocks": Kind.BLOCKS,
        "labelled": Kind.LABELLED,
        "map": Kind.MAP,
        "raw": Kind.RAW,
        "parsed_text": Kind.TEXTS,
    }


def test_a_declaration_keeps_what_it_was_told() -> None:
    one = options_of(Every)["number"]
    assert (one.name, one.default, one.declaration.unit, one.declaration.status) == (
        "number",
        None,
        "bytes",
        WORKS,
    )
    assert options_of(Every)["block"].block is Inner
    assert options_of(Every)["labelled"].default == {}
    assert Every(text="x").labelled == {}


def test_a_type_no_option_can_have_is_a_mistake_of_the_declaration() -> None:
    @dataclass(frozen=True)
    class Wrong:
        a: float = option(1.5, "x")

    with pytest.raises(TypeError, match="float"):
        options_of(Wrong)


def test_words_are_checked() -> None:
    parse = one_of("pem", "spiffe", sentence='invalid value "{}"')
    assert parse("pem") == "pem"
    with pytest.raises(InvalidArgument, match='invalid value "x"'):
        parse("x")


def test_statuses_hold_their_reason() -> None:
    assert refused("why").reason == subsumed("why").reason == "why"
    assert refused("why").standing != subsumed("why").standing
