from __future__ import annotations

import time

import pytest

from finial.config.expand import expand

ENVIRONMENT = {"A": "x", "A_B": "y", "1": "one"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A", "x"),
        ("${A}", "x"),
        ("$A_B", "y"),
        ("$$", "$"),
        ("$$A", "$A"),
        ("${$}", "$"),
        ("a$", "a$"),
        ("${", ""),
        ("${}", ""),
        ("${A", "A"),
        ("${ A}", ""),
        ("$1", "one"),
        ("${1}", "one"),
        ("$12", "one2"),
        ("$*", ""),
        ("$-A", "A"),
        ("$.", "$."),
        ("$ A", "$ A"),
        ("${UNSET}c", "c"),
        ("$A-b", "x-b"),
        ("${A-b}", ""),
        ("\\$A", "\\x"),
        ("${A}}", "x}"),
        ("${\n}x", "x"),
        ("$ä", "$ä"),
        ("", ""),
    ],
)
def test_expands_as_go_does(text: str, expanded: str) -> None:
    assert expand(text, ENVIRONMENT) == expanded


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert expand("$A", {"A": "$B", "B": "x"}) == "$B"


def test_references_that_are_never_closed_cost_no_more_than_others() -> None:
    began = time.process_time()
    assert expand("${" * 200_000, {}) == ""  # twelve seconds if each looks for its end
    assert time.process_time() - began < 2
