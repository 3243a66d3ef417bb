"""Maps."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("dict", [1, 2], {"1": 2}),
        ("keys", [{"b": 1}, {"a": 2}], ("b", "a")),
        ("dig", ["a", "b", "none", {"a": {"b": 0}}], 0),
        ("mergeOverwrite", [{"a": {"x": 1}}, {"a": {"x": 2, "y": ""}}], {"a": {"x": 2, "y": ""}}),
        ("merge", [{"a": ""}, {"a": 1}], {"a": 1}),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
