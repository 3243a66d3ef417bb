"""Go's own functions."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("not", [""], True),
        ("len", ["é"], 2),
        ("index", [{"a": {"b": 1}}, "a", "b"], 1),
        ("index", [{"a": 1}, "z"], None),
        ("slice", [[1, 2, 3], 1, 2], [2]),
        ("print", [1, "a"], "1a"),
        ("println", ["a", 1], "a 1\n"),
        ("html", ["\0<"], "\ufffd&lt;"),
        ("js", ["\n"], "\\u000A"),
        ("urlquery", ["é ~"], "%C3%A9+~"),
        ("eq", [1, 2, 1], True),
        ("ge", ["b", "a"], True),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
