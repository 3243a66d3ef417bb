"""Lists."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("uniq", [[1, 1.0, True, "1", "1"]], (1, 1.0, True, "1")),
        ("has", [[1], [[1]]], True),
        ("has", [1, None], False),
        ("chunk", [2, []], ()),
        ("slice", [[], 3], None),
        ("without", [[1, None], None], (1,)),
        ("sortAlpha", ["x"], ("x",)),
        ("concat", [], ()),
        ("compact", [["", 1]], (1,)),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
