"""Regular expressions in templates."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("regexFindAll", ["a", "aaa", 2], ["a", "a"]),
        ("regexSplit", ["a", "bab", 0], []),
        ("regexReplaceAll", ["(a)", "a", "${1}$1x"], "a"),
        ("regexQuoteMeta", ["a.b"], "a\\.b"),
        ("regexFind", ["z", "a"], ""),
        ("mustRegexMatch", ["^a", "ab"], True),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
