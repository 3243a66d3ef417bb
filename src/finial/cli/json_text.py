"""JSON that a person or a script wrote: values, and errors in the words of Go's decoder, which scripts know.

The place is the hint: `"entries.json", line 3, column 7`.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from finial.errors import InvalidArgument

END = "unexpected end of JSON input"
LITERALS = ("null", "true", "false")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# What Python says -> where Go was when it met the character.
AFTER = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Illegal trailing comma before end of object", "looking for beginning of object key string"),
    ("Expecting value", "looking for beginning of value"),
    ("Illegal trailing comma before end of array", "looking for beginning of value"),
    ("Expecting ':'", "after object key"),
    ("Extra data", "after top-level value"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\", "in string escape code"),
)


def read_json(text: str, where: str) -> Any:
    """Raises: InvalidArgument. `where` is the file's name."""
    if not text.strip():
        raise InvalidArgument(END, hint=f'"{where}" is empty')
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as why:
        place = f'"{where}", line {why.lineno}, column {why.colno}'
        raise InvalidArgument(go_reason(text, why), hint=place) from why
    except (ValueError, RecursionError) as why:
        raise InvalidArgument(f'"{where}" is not valid JSON: {why}') from why


def _no_constant(name: str) -> NoReturn:
    """Python's decoder knows NaN and Infinity, JSON does not."""
    raise InvalidArgument(f"invalid character {name[0]!r} looking for beginning of value")


def read_object(text: str, where: str, go_type: str) -> dict[str, Any]:
    """The members of an object; none of `null`. `go_type`: what SPIRE reads it into."""
    value = read_json(text, where)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidArgument(f"json: cannot unmarshal {kind_name(value)} into Go value of type {go_type}")
    return value


def kind_name(value: object) -> str:
    names = ((bool, "bool"), (str, "string"), (int | float, "number"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def go_reason(text: str, why: json.JSONDecodeError) -> str:
    at = why.pos
    if why.msg.startswith(("Illegal trailing comma", "Invalid \\")):
        at += 1  # Python points before the character that Go names
    rest = text[at:].lstrip(" \t\r\n")
    if not rest or why.msg.startswith("Unterminated string"):
        return END
    literal = next((one for one in LITERALS if one[0] == rest[0]), "")
    if why.msg.startswith("Expecting value") and literal:
        return _wrong_literal(rest, literal)
    if why.msg.startswith("Expecting ','"):
        return f"invalid character {quoted(rest[0])} {_after_element(text[: why.pos])}"
    context = next((after for begin, after in AFTER if why.msg.startswith(begin)), f"({why.msg})")
    return f"invalid character {quoted(rest[0])} {context}"


def _wrong_literal(rest: str, literal: str) -> str:
    for got, wanted in zip(rest, literal, strict=False):
        if got != wanted:
            return f"invalid character {quoted(got)} in literal {literal} (expecting {quoted(wanted)})"
    return END


def _after_element(before: str) -> str:
    """By the innermost bracket that is open."""
    opened: list[str] = []
    for character in STRING.sub("", before):
        if character in "[{":
            opened.append(character)
        elif character in "]}":
            opened.pop()
    return "after array element" if opened[-1:] == ["["] else "after object key:value pair"


def quoted(character: str) -> str:
    """As Go quotes one: `'x'`, `'"'`, `'\\''`, `'\\x01'`."""
    if character == "'":
        return r"'\''"
    return f"'{character}'" if character.isprintable() and character != "\\" else repr(character)
