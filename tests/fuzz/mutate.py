"""Changes to an input, blind and by structure: the bytes before in, the bytes after out; all chance comes in."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from tests.fuzz.target import Mutate

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Edit = Callable[[bytearray, int, random.Random], None]


def flip(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] ^= 1 << rng.randrange(8)


def put(data: bytearray, at: int, rng: random.Random) -> None:
    data[at] = rng.randrange(256)


def insert(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = rng.randbytes(rng.choice((1, 1, 2, 8)))


def drop(data: bytearray, at: int, rng: random.Random) -> None:
    del data[at : at + rng.choice((1, 1, 2, 4, 16, len(data)))]


def repeat(data: bytearray, at: int, rng: random.Random) -> None:
    data[at:at] = data[at : at + rng.choice((1, 4, 16, 64))] * rng.choice((1, 1, 2, 8, 64))


def move(data: bytearray, at: int, rng: random.Random) -> None:
    size = rng.choice((1, 4, 16))
    part = data[at : at + size]
    del data[at : at + size]
    to = rng.randint(0, len(data))
    data[to:to] = part


def edge(data: bytearray, at: int, rng: random.Random) -> None:
    size = rng.choice((1, 2, 3, 4))
    data[at : at + size] = (rng.choice(EDGES) % 256**size).to_bytes(size, "big")


EDITS: tuple[Edit, ...] = (flip, put, insert, drop, repeat, move, edge)


def mutated(data: bytes, others: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """One to six edits; now and then a word of the format, or the tail of another input."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at = rng.randrange(len(changed)) if changed else 0
        chance = rng.random()
        if words and chance < 0.3:
            changed[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(words)
        elif others and chance < 0.4:
            other = rng.choice(others)
            changed[at:] = other[rng.randint(0, len(other)) :]
        elif changed:
            rng.choice(EDITS)(changed, at, rng)
        else:
            changed += rng.randbytes(4)
    return bytes(changed)


TEXTS = (
    "", "a", "example.org", "other.org", "spiffe://example.org", "spiffe://example.org/web", "/web", "/a//b", "/..",
    "/spire/agent/join_token/a", "unix", "uid:1000", "https://example.org:8443/b", "https://[::1", "*.example.org",
    "a.example.org", "\u00fc", "x" * 2048, "\0", "2026-11-25 00:00:00 +0000 UTC",
)  # fmt: skip
NUMBERS = (0, 1, 2, -1, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1, 1_800_000_000)
BOUNDS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


def by_message(kind: type[Message], blobs: Callable[[], Sequence[bytes]] = tuple) -> Mutate:
    """Fields set, cleared, added and taken out, at any depth. `blobs` are tried as values of bytes."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        message = kind()
        try:
            message.ParseFromString(data)
        except DecodeError:
            message.Clear()
        for _ in range(rng.choice((1, 1, 2, 4))):
            change(message, rng, blobs())
        return message.SerializeToString()

    return mutate


def change(message: Message, rng: random.Random, blobs: Sequence[bytes]) -> None:
    fields = cast(Sequence[FieldDescriptor], message.DESCRIPTOR.fields)
    if not fields:
        return
    field = rng.choice(fields)
    if rng.random() < 0.1:
        message.ClearField(field.name)
    elif field.is_repeated:
        change_list(getattr(message, field.name), field, rng, blobs)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        inner = getattr(message, field.name)
        inner.SetInParent()
        change(inner, rng, blobs)
    else:
        setattr(message, field.name, scalar(field, rng, blobs))


def change_list(values: Any, field: FieldDescriptor, rng: random.Random, blobs: Sequence[bytes]) -> None:
    """`values` is protobuf's own kind of list."""
    if len(values) and rng.random() < 0.3:
        del values[rng.randrange(len(values))]
    elif field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
        values.append(scalar(field, rng, blobs))
    else:
        inner = values.add() if not len(values) or rng.random() < 0.4 else rng.choice(values)
        change(inner, rng, blobs)


def scalar(field: FieldDescriptor, rng: random.Random, blobs: Sequence[bytes]) -> object:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            known = rng.choice(blobs) if blobs and rng.random() < 0.7 else rng.randbytes(rng.randint(0, 40))
            return mutated(known, (), (), rng) if rng.random() < 0.3 else known
        case FieldDescriptor.CPPTYPE_STRING:
            return rng.choice(TEXTS) + (rng.choice(TEXTS) if rng.random() < 0.3 else "")
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return rng.choice((0.0, -1.0, float("inf"), float("nan")))
    low, high = BOUNDS[field.cpp_type]
    return max(low, min(high, rng.choice(NUMBERS)))
