"""Selectors: where the type ends, and what either part may hold."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.selector import Selector


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("unix:uid:1000", "unix", "uid:1000"), ("a:b", "a", "b"), ("a::", "a", ":"), ("a: b ", "a", " b "),
     ("k8s:ns:ä\n", "k8s", "ns:ä\n")],
)  # fmt: skip
def test_type_ends_at_the_first_colon(text: str, kind: str, value: str) -> None:
    selector = Selector.parse(text)
    assert selector == Selector(kind, value)
    assert str(selector) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [("", 'selector "" must be formatted as type:value'), ("unix", 'selector "unix" must be formatted as type:value'),
     (":a", "missing selector type"), (":", "missing selector type"), ("a:", "missing selector value")],
)  # fmt: skip
def test_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Selector.parse(text)
    assert caught.value.message == why


def test_type_from_parts_holds_no_colon() -> None:
    assert Selector.of("a", "b:c") == Selector("a", "b:c")
    with pytest.raises(InvalidArgument, match="selector type contains ':'"):
        Selector.of("a:b", "c")


@pytest.mark.parametrize("code", range(256))
def test_each_character_in_type_and_value(code: int) -> None:
    character = chr(code)
    assert Selector.of("t", character).value == character
    if character == ":":
        assert Selector.parse(f"a{character}b").type == "a"
    else:
        assert Selector.parse(f"a{character}:b") == Selector(f"a{character}", "b")
