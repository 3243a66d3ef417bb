"""Declared functions check what they are given."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument, ResourceExhausted
from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [("upper", [3], "wrong type for value of upper; expected string; got int"), ("upper", [], "wrong number of args for upper: want 1 got 0"),
     ("list", [], ""), ("trunc", [True, "x"], "expected int; got bool"), ("get", [[], "a"], r"expected map\[string\]interface {}"),
     ("eq", [1], "want at least 2 got 1"), ("fail", ["no"], "error calling fail: no")],
)  # fmt: skip
def test_arguments_are_checked(name: str, arguments: list[object], why: str) -> None:
    if not why:
        assert FUNCTIONS[name](Budget(), arguments) == ()
        return
    with pytest.raises(InvalidArgument, match=why):
        FUNCTIONS[name](Budget(), arguments)


def test_arguments_and_results_are_paid_for() -> None:
    for arguments in (["x" * 100], []):
        with pytest.raises(ResourceExhausted):
            FUNCTIONS["cat" if arguments else "uuidv4"](Budget(20), arguments)


def test_spires_functions_are_all_there() -> None:
    assert len(FUNCTIONS) == 135
