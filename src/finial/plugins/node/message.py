"""Messages of node attestation: JSON as Go writes and reads it. Bytes in, checked parts out, and the way back.

Keys match in any case and unknown ones are ignored, as in Go; of a key that comes twice neither is believed.
Bytes are padded standard base64, null stands for none. Errors are told as SPIRE tells those of a plugin.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from finial.errors import FinialError, InvalidArgument

MAX_SIZE = 1024 * 1024  # bytes of one message
Message = Mapping[str, object]


@contextmanager
def of_plugin(name: str) -> Iterator[None]:
    """Errors are told as "nodeattestor(<name>): why", of the same kind."""
    try:
        yield
    except FinialError as why:
        raise why.within(f"nodeattestor({name})") from why


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def to_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode(data: bytes, failure: str) -> Message:
    """An object, keys in lower case. Raises: InvalidArgument, "<failure>: why"."""
    if len(data) > MAX_SIZE:
        raise InvalidArgument(f"{failure}: {len(data)} bytes, at most {MAX_SIZE} are allowed")
    try:
        found = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as why:
        raise InvalidArgument(f"{failure}: {why}") from why
    if not isinstance(found, dict):
        raise InvalidArgument(f"{failure}: is no JSON object")
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key.lower() in found:
            raise ValueError(f'key "{key}" comes twice')
        found[key.lower()] = value
    return found


def text(message: Message, key: str, failure: str) -> str:
    """Empty if it is not there. Raises: InvalidArgument."""
    value = message.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidArgument(f'{failure}: "{key}" is no text')
    return value


def number(message: Message, key: str, failure: str) -> int:
    """Zero if it is not there. Raises: InvalidArgument."""
    value = message.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidArgument(f'{failure}: "{key}" is no integer')
    return value


def data_of(message: Message, key: str, failure: str) -> bytes:
    """Empty if it is not there. Raises: InvalidArgument."""
    return from_text(text(message, key, failure), f'{failure}: "{key}"')


def from_text(value: object, failure: str) -> bytes:
    """Raises: InvalidArgument."""
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else _no_text()
    except (binascii.Error, ValueError):
        raise InvalidArgument(f"{failure} is no base64") from None


def _no_text() -> bytes:
    raise ValueError


def part(message: Message, key: str, failure: str) -> Message | None:
    """An object inside; None if it is not there or null. Raises: InvalidArgument."""
    value = message.get(key)
    if value is not None and not isinstance(value, dict):
        raise InvalidArgument(f'{failure}: "{key}" is no object')
    return value
