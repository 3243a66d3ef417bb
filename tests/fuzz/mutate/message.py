"""Changes to a protobuf message by its descriptor."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from tests.fuzz.mutate.blind import mutated
from tests.fuzz.mutate.der import by_der
from tests.fuzz.mutate.values import NUMBERS, TEXTS
from tests.fuzz.target import Mutate

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
            change = by_der if rng.random() < 0.7 else partial(mutated, others=(), words=())
            return change(known, rng=rng) if rng.random() < 0.5 else known
        case FieldDescriptor.CPPTYPE_STRING:
            return rng.choice(TEXTS) + (rng.choice(TEXTS) if rng.random() < 0.3 else "")
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return rng.choice((0.0, -1.0, float("inf"), float("nan")))
    low, high = BOUNDS[field.cpp_type]
    return max(low, min(high, rng.choice(NUMBERS)))
