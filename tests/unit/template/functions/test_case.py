"""Case and words."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("upper", ["ß"], "ß"),
        ("title", ["a-b c_d"], "A-B C_d"),
        ("initials", ["é b"], "Ãb"),
        ("snakecase", [""], ""),
        ("kebabcase", ["A1b2C"], "a-1b2-c"),
        ("camelcase", [""], ""),
        ("camelcase", ["_"], "_"),
        ("swapcase", ["aB"], "Ab"),
        ("untitle", ["AB Cd"], "aB cd"),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
