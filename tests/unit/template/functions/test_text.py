"""Texts."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("abbrev", [5, "é" * 5], "é..."),
        ("trunc", [1, "é"], "\udcc3"),
        ("trim", ["\u00a0x\n"], "x"),
        ("replace", ["", "-", "ab"], "-a-b-"),
        ("join", ["-", None], ""),
        ("splitList", ["", "ab"], ["a", "b"]),
        ("seq", [1, 0, 5], ""),
        ("seq", [1, 2, 3, 4], ""),
        ("toStrings", ["x"], ["x"]),
        ("quote", [None], ""),
        ("default", [1], 1),
        ("wrapWith", [0, "", "ab"], "a\nb"),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
