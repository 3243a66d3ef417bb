"""One record of the log as one line: logrus text or JSON, fields sorted by name. Pure.

A level comes as its name, times are shown in UTC; expected texts in the tests were printed by logrus 1.9.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

FieldValue = str | int | float | bool | None | datetime | BaseException | Sequence[str]

is_bare = re.compile(r"[a-zA-Z0-9._/@^+-]*\Z").match
is_plain = re.compile(r"[ !#-\[\]-~]*\Z").match  # printable ASCII without quote and backslash
RESERVED = frozenset({"time", "level", "msg"})
ESCAPES = str.maketrans(
    {'"': '\\"', "\\": "\\\\"} | dict(zip("\a\b\f\n\r\t\v", (f"\\{one}" for one in "abfnrtv"), strict=True))
)
JSON_ESCAPES = str.maketrans({one: f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"})


def timestamp(moment: datetime, *, fine: bool) -> str:
    """RFC 3339, in UTC; fine: with fractions, without their trailing zeros."""
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".") if fine else ""
    return f"{whole}{fraction}Z"


def ordered(fields: Mapping[str, FieldValue]) -> list[tuple[str, FieldValue]]:
    """By name; a name that would hide time, level or message is moved aside, as logrus does."""
    if RESERVED.isdisjoint(fields):
        return sorted(fields.items())
    return sorted((f"fields.{name}" if name in RESERVED else name, value) for name, value in fields.items())


def text_line(time: str, level: str, message: str, fields: Mapping[str, FieldValue]) -> str:
    parts = [f'time="{time}" level={level}']
    if message:
        parts.append(f"msg={bare_or_quoted(message)}")
    for name, value in ordered(fields):
        text = value if type(value) is str else as_text(value)
        parts.append(f"{name}={text}" if is_bare(text) else f"{name}={quote(text)}")
    return " ".join(parts)


def json_line(time: str, level: str, message: str, fields: Mapping[str, FieldValue]) -> str:
    record = {name: as_json(value) for name, value in ordered(fields)}
    record |= {"time": time, "level": level, "msg": message}
    text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return whole(text.translate(JSON_ESCAPES))


def whole(text: str) -> str:
    """Half of a surrogate pair, as in a file name that is no UTF-8, cannot be written: as JSON's own escape it can."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def as_text(value: FieldValue) -> str:
    """As Go prints it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
        return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
    if isinstance(value, Sequence):
        return f"[{' '.join(value)}]"
    return str(value)


def as_json(value: FieldValue) -> object:
    if isinstance(value, datetime):
        return timestamp(value.astimezone(UTC), fine=True)
    if isinstance(value, BaseException):
        return str(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def bare_or_quoted(text: str) -> str:
    return text if is_bare(text) else quote(text)


def quote(text: str) -> str:
    """In double quotes, as Go's `%q`: what cannot be printed is escaped, so one record is one line."""
    if is_plain(text):
        return f'"{text}"'
    escaped = text.translate(ESCAPES)
    if not escaped.isprintable():
        escaped = "".join(one if one.isprintable() else code_point(ord(one)) for one in escaped)
    return f'"{escaped}"'


def code_point(number: int) -> str:
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
