"""Tokens of templates."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.template.tokens import MAX_TEXT, Kind, Token, number, scan, unquoted


def kinds(text: str) -> list[str]:
    return [one.text for one in scan(text)]


def test_trim_markers_and_comments() -> None:
    assert kinds("a {{- . -}} b") == ["a", "{{", " ", ".", "}}", "b", ""]
    assert kinds("a {{- /* x }} */ -}} b") == ["a", "b", ""]
    assert kinds("{{-3}}") == ["{{", "-3", "}}", ""]


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("017", 15), ("09", 9), ("1_000", 1000), ("-5", -5), ("1.5", 1.5),
     (".5", 0.5), ("1e2", 100.0), ("0x1p4", 16.0)],
)  # fmt: skip
def test_numbers(text: str, value: float) -> None:
    found = number(Token(Kind.NUMBER, text, (1, 1)))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["1x", "0x", "1e", "1.2.3"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InvalidArgument, match="bad number syntax"):
        number(Token(Kind.NUMBER, text, (1, 1)))


def test_quoted_texts() -> None:
    assert unquoted(Token(Kind.STRING, r'"\n\x41\101é\U0001F600\""', (1, 1))) == '\nAAé😀"'
    assert unquoted(Token(Kind.RAW, "`a\\n`", (1, 1))) == "a\\n"
    with pytest.raises(InvalidArgument, match="invalid escape"):
        unquoted(Token(Kind.STRING, r'"\q"', (1, 1)))


def test_a_template_has_a_bearable_size() -> None:
    with pytest.raises(InvalidArgument, match="at most"):
        scan("x" * (MAX_TEXT + 1))
