"""Regular expressions: what is found, and that no text makes a pattern slow."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument, ResourceExhausted
from finial.template.budget import Budget
from finial.template.regex import MAX_SIZE, Regex, quote_meta


def spend(_: int) -> None:
    """As much as is wanted."""


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [("a|ab", "ab", ((0, 1),)), ("(a)|(b)", "b", ((0, 1), None, (0, 1))), ("a*?b", "aab", ((0, 3),)), ("(a+)(a*)", "aaa", ((0, 3), (0, 3), (3, 3))),
     ("^b", "ab", None), ("$", "ab", ((2, 2),)), (r"\Bb", "ab", ((1, 2),)), ("x{2}", "xxx", ((0, 2),)), ("x{2,}?", "xxx", ((0, 2),)),
     ("[^a]", "ab", ((1, 2),)), ("(?i)É", "é", ((0, 1),)), ("(?:ab)+", "xabab", ((1, 5),))],
)  # fmt: skip
def test_the_first_and_preferred_match_is_found(pattern: str, text: str, groups: object) -> None:
    assert Regex.compile(pattern).search(text) == groups


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)(.*)(.*)(.*)(.*)b", "(x+x+)+y"]
)
def test_no_text_makes_a_pattern_slow(pattern: str) -> None:
    assert Regex.compile(pattern).search("a" * 200 + "x" * 200) is None


def test_a_pattern_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="expression too large"):
        Regex.compile("((a{100}){100}){100}")
    assert Regex.compile("a{900}").size < MAX_SIZE


def test_matches_are_replaced_split_and_listed() -> None:
    regex = Regex.compile("(?P<first>b)(c)?")
    assert (
        regex.replace("abcab", lambda groups: regex.expand("<$2${first}$$$9>", "abcab", groups), spend)
        == "a<cb$>a<b$>"
    )
    assert list(regex.spans("abcab", spend, 1)) == [(1, 3)]
    assert Regex.compile(",").split("a,b,c", 2, spend) == ["a", "b,c"]
    assert Regex.compile(",").split("a", 0, spend) == []


def test_many_matches_are_paid_for() -> None:
    with pytest.raises(ResourceExhausted):
        list(Regex.compile("a").matches("a" * 1000, Budget(1000).spend))


def test_a_quoted_text_matches_itself() -> None:
    text = "a.b*c[d](e){f}|^$\\+?"
    assert Regex.compile(f"^{quote_meta(text)}$").search(text) is not None
