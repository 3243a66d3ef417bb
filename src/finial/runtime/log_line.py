"""One record of the log as one line: logrus text or JSON, fields sorted by name. Pure.

A level comes as its name, times are shown in UTC; expected texts in the tests were printed by logrus 1.9.4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

FieldValue = str | int | float | bool | None | datetime | BaseException | Sequence[str]
Fields = Mapping[str, FieldValue]

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


def placed(fields: Fields) -> Fields:
    """A name that would hide time, level or message is moved aside, as logrus does."""
    if RESERVED.isdisjoint(fields):
        return fields
    return {f"fields.{name}" if name in RESERVED else name: value for name, value in fields.items()}


def text_lines(
    time: str, level: str, message: str, shared: Fields, records: Iterable[Fields] = ({},)
) -> Iterator[str]:
    """A line for each record. What all of them have is put into text once."""
    head = f'time="{time}" level={level}'
    if message:
        head += f" msg={bare_or_quoted(message)}"
    known = _texts(shared)
    for fields in records:
        texts = known | _texts(fields)
        yield " ".join([head, *[texts[name] for name in sorted(texts)]])


def _texts(fields: Fields) -> dict[str, str]:
    """`name=value` by name."""
    return {name: f"{name}={shown(value)}" for name, value in placed(fields).items()}


def json_lines(
    time: str, level: str, message: str, shared: Fields, records: Iterable[Fields] = ({},)
) -> Iterator[str]:
    for fields in records:
        record = {name: as_json(value) for name, value in placed({**shared, **fields}).items()}
        record |= {"time": time, "level": level, "msg": message}
        text = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
        yield whole(text.translate(JSON_ESCAPES))


def whole(text: str) -> str:
    """Half of a surrogate pair, as in a file name that is no UTF-8, cannot be written: as JSON's own escape it can."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def shown(value: FieldValue) -> str:
    """Behind the name in a line of text; what most fields have comes first."""
    if isinstance(value, str):
        return bare_or_quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return bare_or_quoted(as_text(value))


def as_text(value: float | datetime | BaseException | Sequence[str] | None) -> str:
    """As Go prints it."""
    if value is None:
        return "<nil>"
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
