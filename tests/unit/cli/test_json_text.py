from __future__ import annotations

import pytest

from finial.cli.json_text import read_json, read_object
from finial.errors import InvalidArgument

# What a stock SPIRE 1.15.3 says about these texts.
REFUSED = [
    ("{nope}", "invalid character 'n' looking for beginning of object key string"),
    ('{"a" 1}', "invalid character '1' after object key"),
    ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
    ("[1 2]", "invalid character '2' after array element"),
    ('{"a": ["]", {"b": 1}} ', "invalid character '}' after array element"),
    ('{"a":nope}', "invalid character 'o' in literal null (expecting 'u')"),
    ('{"a":1}x', "invalid character 'x' after top-level value"),
    ('{"a":', "unexpected end of JSON input"),
    ('{"a":"b', "unexpected end of JSON input"),
    ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
    ("[1,]", "invalid character ']' looking for beginning of value"),
    ('{"a":"\\q"}', "invalid character 'q' in string escape code"),
    ('{"a":01}', "invalid character '1' after object key:value pair"),
    ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    ('{"a":"\x01"}', "invalid character '\\x01' in string literal"),
    ("", "unexpected end of JSON input"),
    (" \n", "unexpected end of JSON input"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_what_is_not_json_is_told_in_the_words_of_go(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_json(text, "f.json")
    assert caught.value.message == why


def test_the_place_is_the_hint() -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_json('{\n  "a": x}', "f.json")
    assert caught.value.hint == '"f.json", line 2, column 8'


def test_depth_is_bounded() -> None:
    with pytest.raises(InvalidArgument):
        read_json("[" * 100_000, "f.json")


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[]", "array"), ('"a"', "string"), ("1", "number"), ("1.5", "number"), ("true", "bool")],
)
def test_what_is_no_object_is_refused(text: str, kind: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_object(text, "f.json", "entryv1.Thing")
    assert caught.value.message == f"json: cannot unmarshal {kind} into Go value of type entryv1.Thing"


def test_null_has_no_members() -> None:
    assert read_object("null", "f.json", "entryv1.Thing") == {}
    assert read_object('{"a": 1}', "f.json", "entryv1.Thing") == {"a": 1}
