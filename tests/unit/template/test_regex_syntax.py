"""Syntax of regular expressions."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.template.regex import Regex
from finial.template.regex_syntax import MAX_PATTERN, folded, negated, parse


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "[", "[a", "[z-a]", "[[:nope:]]", "*", "a**", "a{3,2}", "a{1001}", r"\1", r"\8", r"\q", r"\pX", r"\p{Greek", r"\x{110000}", r"\xZ",
     "(?=a)", "(?!a)", "(?<=a)", "(?P<n>a)(?P<n>b)", "(?P<>a)", "(?P=n)", "(?z)", "(?i-)", "\\", "(" * 200, "a" * (MAX_PATTERN + 1)],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="regexp|regular expression"):
        parse(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"[\]a-]+", "]a-"), ("[]a]+", "]a"), (r"\x41\x{42}\103", "ABC"), (r"\d\w\s\D\W\S", "1a a!x"), ("[[:^alpha:]]", "1"), (r"\pL\PL\p{^L}", "a11"),
     ("(?s:.)(?-s:a)", "\na"), ("(?i)a(?-i)B", "AB"), ("a{,3}", "a{,3}"), ("x{", "x{"), (r"\Qa*\E+", "a**"), (r"\*", "*"), (r"\z", ""), (r"[\d-x]+", "1-x"),
     (r"\p{Any}", "x"), ("(?P<n>a)(?<m>b)", "ab"), (r"\0", "\0")],
)  # fmt: skip
def test_patterns_match_whole_texts(pattern: str, text: str) -> None:
    assert Regex.compile(f"^(?:{pattern})$").search(text) is not None


def test_groups_are_counted_and_named() -> None:
    assert parse("(a)(?:b)(?P<n>c)")[1:] == ({"n": 2}, 2)
    assert parse("(?m)^")[0] != parse("^")[0]
    assert folded(lambda one: one == "a")("A") and negated(str.isdigit)("a")
