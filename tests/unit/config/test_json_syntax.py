from __future__ import annotations

import pytest

from finial.config.json_syntax import parse
from finial.config.tree import Array, Literal, Object, SyntaxFault, Value


def plain(value: Value) -> object:
    if isinstance(value, Literal):
        return value.value
    if isinstance(value, Array):
        return [plain(one) for one in value.items]
    return {key.name: plain(one) for key, one in value.entries()}


def read(text: str) -> object:
    return plain(parse(text, "x", 8))


def test_reads_every_kind_of_value() -> None:
    text = '{"a": [1, -2.5, 1e2, true, false, "\\u00e9\\ud83d\\ude00\\/"], "b": {}, "c": []}'
    assert read(text) == {"a": [1, -2.5, 100.0, True, False, "é😀/"], "b": {}, "c": []}


def test_null_is_an_absent_key() -> None:
    assert read('{"a": null, "b": 1}') == {"b": 1}


def test_keeps_positions() -> None:
    document = parse('{\n  "a": {"b": 1}\n}', "f", 8)
    [(key, value)] = document.entries()
    assert str(key.at) == "f:2:3" and str(value.at) == "f:2:8"
    assert isinstance(value, Object)
    [(key, value)] = value.entries()
    assert str(key.at) == "f:2:9" and str(value.at) == "f:2:14"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"a"',
        '{"a":',
        '{"a": 1',
        '{"a": 1,}',
        '{"a": 1} x',
        '{a: 1}',
        '{"a": 01}',
        '{"a": 1x}',
        '{"a": nul}',
        '{"a": [null]}',
        '{"a": [1 2]}',
        '{"a": "\n"}',
        '{"a": "\\ud800"}',
        '{"a": "\\q"}',
        '{"a": -}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 30 + "}",
        '{"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}',
    ],
)  # fmt: skip
def test_refuses_what_is_not_json_or_beyond_its_bounds(text: str) -> None:
    with pytest.raises(SyntaxFault):
        read(text)
