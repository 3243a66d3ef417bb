"""What `-output` means: pretty for people, json for programs. Pure but for writing to the console.

JSON is one line, one object; of several answers an array. Shapes are those of SPIRE 1.15: protobuf's JSON
with the names of the .proto, unset fields shown, nulls left out, 64-bit integers as text, bytes as
base64, enums by name, keys in alphabetical order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Union

from finial.errors import InvalidArgument

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from finial.cli.console import Console

FORMATS = ("pretty", "json")
JsonValue = Union[None, bool, int, float, str, "Sequence[JsonValue]", "Mapping[str, JsonValue]"]


def read_format(text: str) -> str:
    """The value of `-output`. Raises: InvalidArgument, in SPIRE's words."""
    if text not in FORMATS:
        raise InvalidArgument(f'bad formatter flag: unknown format option: "{text}"')
    return text


def messages_json(messages: Sequence[Message]) -> str:
    """One object, or an array of several."""
    from google.protobuf.json_format import MessageToDict

    shown: list[JsonValue] = [
        as_go_shows(
            MessageToDict(one, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        )
        for one in messages
    ]
    return to_line(shown[0] if len(shown) == 1 else shown)


def answer(console: Console, output: str, message: Message, lines: Iterable[str]) -> int:
    """A command's result, as `output` says; `lines` are read only if people are to see them. Returns: exit code 0."""
    console.out(messages_json([message]) if output == "json" else "\n".join(lines))
    return 0


def as_go_shows(value: JsonValue) -> JsonValue:
    """Nulls left out, whole numbers without a fraction."""
    if isinstance(value, Mapping):
        return {key: as_go_shows(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [as_go_shows(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def to_line(value: JsonValue) -> str:
    """As Go's encoder writes it: compact, keys sorted, and <, >, & escaped."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
