"""Paths and URLs."""

from __future__ import annotations

import pytest

from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("clean", ["///a/./b/.."], "/a"),
        ("dir", ["/"], "/"),
        ("base", ["//"], "/"),
        ("ext", ["a"], ""),
        ("urlJoin", [{"scheme": "mailto", "opaque": "a@b"}], "mailto:a@b"),
        ("urlJoin", [{"scheme": "https", "host": "h", "userinfo": "u:p", "path": "x"}], "https://u:p@h/x"),
    ],
)
def test_results(name: str, arguments: list[object], result: object) -> None:
    assert FUNCTIONS[name](Budget(), arguments) == result
