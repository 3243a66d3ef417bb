"""How Go prints and compares."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.template.values import (
    Record,
    elements,
    equal,
    float_text,
    joined_text,
    less,
    same,
    text_of,
    truth,
    type_name,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "<nil>"), (True, "true"), (3, "3"), ("x", "x"), (b"ab", "[97 98]"), ([1, "a", None], "[1 a <nil>]"),
     ({"b": 1, "a": [2]}, "map[a:[2] b:1]"), (Record("r", {"x": 1, "y": "z"}), "{1 z}"), (Record("r", {}, "told"), "told")],
)  # fmt: skip
def test_values_print_as_in_go(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (2.5, "2.5"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (1e-4, "0.0001"), (1e-5, "1e-05"),
     (1.5e-7, "1.5e-07"), (float("inf"), "+Inf"), (float("-inf"), "-Inf"), (float("nan"), "NaN"), (0.0, "0")],
)  # fmt: skip
def test_floats_print_as_in_go(value: float, text: str) -> None:
    assert float_text(value) == text


def test_print_puts_spaces_between_what_is_no_text() -> None:
    assert joined_text([1, 2, "a", "b", 3]) == "1 2ab3"


def test_truth_equality_and_order() -> None:
    values: list[object] = [0, "", [], None, {}, Record("r", {})]
    assert [truth(one) for one in values] == [False] * 5 + [True]
    assert equal(1, 1) and not equal(None, 1) and less("a", "b") and not less(2, 1)
    unequal: list[tuple[object, object]] = [(1, "1"), (True, 1), ([1], [1])]
    for left, right in unequal:
        with pytest.raises(InvalidArgument):
            equal(left, right)
    unordered: list[tuple[object, object]] = [(True, False), (None, 1), (1, "a")]
    for left, right in unordered:
        with pytest.raises(InvalidArgument):
            less(left, right)
    assert same([1, {"a": (2,)}], (1, {"a": [2]})) and not same(1, 1.0) and not same(True, 1)


def test_types_are_named_as_in_go() -> None:
    values: list[object] = [None, 1, 1.5, b"", [], {}, Record("x.Y", {})]
    assert [type_name(one) for one in values] == [
        "<nil>", "int", "float64", "[]uint8", "[]interface {}", "map[string]interface {}", "x.Y",
    ]  # fmt: skip
    assert elements(b"ab") == [97, 98]
    with pytest.raises(InvalidArgument, match="wants a list"):
        elements("ab")
