"""What a rendering costs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from finial.errors import ResourceExhausted
from finial.template.budget import MAX_DEPTH, Budget
from finial.template.values import Record


@pytest.mark.parametrize(
    "value",
    [
        "x" * 11,
        b"x" * 11,
        [1] * 11,
        {"k" * 11: 1},
        MappingProxyType({"a": "x" * 11}),
        Record("r", {"a": "x" * 11}),
        1 << 100,
    ],
)
def test_a_value_is_paid_for_with_all_that_is_in_it(value: object) -> None:
    with pytest.raises(ResourceExhausted, match="costs too much"):
        Budget(10).weigh(value)
    Budget(100).weigh(value)


def test_what_is_held_twice_is_paid_for_twice() -> None:
    doubled: list[object] = ["x"]
    for _ in range(20):
        doubled = [doubled, doubled]
    with pytest.raises(ResourceExhausted):
        Budget(100_000).weigh(doubled)


def test_a_value_that_holds_itself_or_nests_deeply_is_refused() -> None:
    own: dict[str, object] = {}
    own["self"] = own
    held: Mapping[str, object] = own
    with pytest.raises(ResourceExhausted, match=f"more than {MAX_DEPTH} deep"):
        Budget().weigh(held)
