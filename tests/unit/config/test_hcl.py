"""The tree, held against what hashicorp/hcl 1.0.1 makes of the same texts (tests/vectors/config)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from finial.config import hcl
from finial.config.tree import Array, Literal, LiteralType, Object, SyntaxFault, Value

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
EXPECTED = {row["file"]: row for row in map(json.loads, (VECTORS / "tree.jsonl").read_text().splitlines())}
# Texts whose rest that library drops without a word, and a JSON escape it cannot read.
REFUSED_HERE_ONLY = {"list-two-commas.hcl", "no-value.hcl", "json-comma.json", "json-open.json"}
READ_HERE_ONLY = {"json-escapes.json"}
FIRST_FAULT = {
    "bad-escape.hcl": ((1, 10), "illegal char escape"),
    "bad-escape-inside.hcl": ((1, 12), "illegal char escape"),
    "bare-word.hcl": ((1, 8), "Unknown token: IDENT (a text stands in double quotes)"),
    "bom.hcl": ((1, 1), "illegal char"),
    "brace-close.hcl": ((2, 1), "expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"),
    "brace-open.hcl": ((3, 1), "object expected closing RBRACE got: EOF"),
    "colon.hcl": ((1, 5), "illegal char"),
    "comment-open.hcl": ((1, 12), "comment not terminated"),
    "heredoc-flush.hcl": ((1, 8), "heredoc not terminated"),
    "heredoc-open.hcl": ((1, 8), "heredoc not terminated"),
    "json-comma.json": ((1, 14), "expected a text, got: '}'"),
    "json-list.json": ((1, 1), "expected: IDENT | STRING | ASSIGN | LBRACE got: LBRACK"),
    "json-number.json": ((1, 12), "not a number"),
    "json-open.json": ((2, 1), "expected ',', got: EOF"),
    "key-alone.hcl": ((1, 1), "key expected start of object ('{') or assignment ('=')"),
    "key-number.hcl": ((1, 1), "expected: IDENT | STRING | ASSIGN | LBRACE got: NUMBER"),
    "label-equals.hcl": ((1, 7), "nested object expected: LBRACE got: ASSIGN"),
    "list-no-comma.hcl": ((1, 13), "error parsing list, expected comma or list end, got: STRING"),
    "list-open.hcl": ((2, 1), "error parsing list, expected comma or list end, got: EOF"),
    "list-two-commas.hcl": ((1, 13), "Unknown token: COMMA ,"),
    "no-value-inside.hcl": ((1, 16), "Unknown token: RBRACE }"),
    "no-value.hcl": ((2, 1), "Unknown token: EOF"),
    "not-utf8.hcl": ((1, 9), "illegal UTF-8 encoding"),
    "number-bad.hcl": ((1, 10), "NUMBER: invalid syntax"),
    "number-exponent.hcl": ((1, 10), "illegal number"),
    "number-minus-dot.hcl": ((1, 10), "illegal char"),
    "number-word.hcl": ((1, 12), "key expected start of object ('{') or assignment ('=')"),
    "plus.hcl": ((1, 10), "illegal char"),
    "quote.hcl": ((1, 8), "literal not terminated"),
    "single-quote.hcl": ((1, 8), "illegal char"),
    "stray.hcl": ((1, 1), "no object keys found!"),
    "true-key.hcl": ((1, 1), "expected: IDENT | STRING | ASSIGN | LBRACE got: BOOL"),
}
TYPE_NAMES = {LiteralType.NUMBER: "NUMBER", LiteralType.FLOAT: "FLOAT", LiteralType.BOOL: "BOOL"}


def shape(value: Value, top: bool = False) -> object:
    """As the Go program prints a tree; heredocs count as strings."""
    at = [value.at.line, value.at.column]
    if isinstance(value, Literal):
        return {"type": TYPE_NAMES.get(value.type, "STRING"), "value": value.value, "at": at}
    if isinstance(value, Array):
        return {"list": [shape(one) for one in value.items], "at": at}
    items = [
        {
            "keys": [{"name": key.name, "at": [key.at.line, key.at.column]} for key in item.keys],
            "value": shape(item.value),
        }
        for item in value.items
    ]
    return items if top else {"object": items, "at": at}


def without_heredoc(expected: object) -> object:
    text = json.dumps(expected).replace('"type": "HEREDOC"', '"type": "STRING"')
    return json.loads(text)


@pytest.mark.parametrize("name", sorted(name for name in EXPECTED if name.endswith(".hcl")))
def test_reads_hcl_as_the_library_of_spire_does(name: str) -> None:
    text = (VECTORS / name).read_bytes()
    refused = "error" in EXPECTED[name] and "already set" not in EXPECTED[name]["error"]
    if refused or name in REFUSED_HERE_ONLY:
        with pytest.raises(SyntaxFault):
            hcl.parse(text, name)
    elif "value" in EXPECTED[name]:
        assert shape(hcl.parse(text, name), top=True) == without_heredoc(EXPECTED[name]["value"])


@pytest.mark.parametrize("name", sorted(name for name in EXPECTED if name.endswith(".json")))
def test_reads_json_where_the_library_of_spire_does(name: str) -> None:
    text = (VECTORS / name).read_bytes()
    if name in READ_HERE_ONLY or ("value" in EXPECTED[name] and name not in REFUSED_HERE_ONLY):
        assert hcl.parse(text, name).items
    else:
        with pytest.raises(SyntaxFault):
            hcl.parse(text, name)


@pytest.mark.parametrize("name", sorted(FIRST_FAULT))
def test_names_the_first_fault_and_its_place(name: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        hcl.parse((VECTORS / name).read_bytes(), name)
    at, why = FIRST_FAULT[name]
    assert (caught.value.at.line, caught.value.at.column) == at
    assert caught.value.why == why
    assert str(caught.value) == f"{name}:{at[0]}:{at[1]}: {why}"


def test_every_refused_vector_has_its_place_checked() -> None:
    refused = {name for name, row in EXPECTED.items() if "error" in row and "already set" not in row["error"]}
    assert refused | REFUSED_HERE_ONLY == FIRST_FAULT.keys() | READ_HERE_ONLY


def test_refuses_a_text_that_nests_too_deeply() -> None:
    for text in ("a {" * 500, "a = " + "[" * 500, '{"a":' * 500, '{"a":' + "[" * 500):
        with pytest.raises(SyntaxFault, match="nested"):
            hcl.parse(text, "x")


def test_refuses_a_text_that_is_too_long() -> None:
    with pytest.raises(SyntaxFault, match="longer than"):
        hcl.parse("#" * (hcl.MAX_BYTES + 1), "x")


@pytest.mark.parametrize(
    "text",
    [
        "password = hunter2",
        "password = hunter2 hunter2",
        "password = 12hunter2",
        "password = -hunter2",
        "password = 'hunter2'",
        "password = [hunter2]",
        'password = ["a" hunter2]',
        "password hunter2",
        'password "hunter2"',
        "password: hunter2",
        'password = "hunter2',
        'password = "hunter2\\q"',
        "password = <<hunter2",
        "password = <<E\nhunter2\n",
        "password = 09477381",
        "password = 94773819477381947738194773819",
        "password = 9477381e9999",
        '{"password": hunter2}',
        '{"password": 9477381hunter2}',
        '{"password": "hunter2}',
        '{"password": "hunter2\\q"}',
        '{"password": "a" hunter2}',
        "{password: hunter2}",
        '{"password": 94773819477381947738194773819}',
        '{"password": "a"} hunter2',
    ],
)
def test_a_fault_shows_nothing_that_may_be_a_secret(text: str) -> None:
    with pytest.raises(SyntaxFault) as fault:
        hcl.parse(text, "x")
    assert not re.search("hun|47738|unter2|'h'", fault.value.message)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("0x1F", 31),
        ("0644", 420),
        ("0o17", 15),
        ("0b11", 3),
        ("1_000", 1000),
        ("0", 0),
        ("-010", -8),
    ],
)
def test_reads_whole_numbers_as_go_does(text: str, number: int) -> None:
    assert hcl.parse_int(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "abc", "09", "1__0", "_1", "++1", " 1", "1 ", "-", "0x", "٣", "1.0", str(1 << 63), "9" * 9999],
)
def test_refuses_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"^strconv\.ParseInt: parsing "):
        hcl.parse_int(text)


def test_refuses_numbers_that_are_none() -> None:
    for text in ("a = 1e999", "a = 0x", "a = 1e", "a = 99999999999999999999"):
        with pytest.raises(SyntaxFault):
            hcl.parse(text, "x")


def test_labels_read_as_nested_blocks() -> None:
    [(key, value)] = hcl.parse('a "b" "c" { d = 1 }', "x").entries()
    assert key.name == "a" and isinstance(value, Object)
    [(key, value)] = value.entries()
    assert key.name == "b" and (key.at.line, key.at.column) == (1, 3) and isinstance(value, Object)
