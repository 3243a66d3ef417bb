"""Position: a point in one history of a database. Opaque to all but the store.

Encoded: the epoch's 16 bytes, then the id as a big-endian unsigned 64-bit number. Two positions compare only
within one epoch: a restored, copied or handed-over database has another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from finial.errors import FailedPrecondition, InvalidArgument

T = TypeVar("T")
EPOCH_SIZE, ID_SIZE = 16, 8


@dataclass(frozen=True, slots=True)
class Position:
    epoch: bytes
    id: int

    def encode(self) -> bytes:
        return self.epoch + self.id.to_bytes(ID_SIZE, "big")

    @classmethod
    def decode(cls, data: bytes) -> Position:
        """Raises: InvalidArgument."""
        if len(data) != EPOCH_SIZE + ID_SIZE:
            raise InvalidArgument(f"position has {len(data)} bytes, {EPOCH_SIZE + ID_SIZE} are expected")
        return cls(data[:EPOCH_SIZE], int.from_bytes(data[EPOCH_SIZE:], "big"))

    def covers(self, other: Position) -> bool:
        """Whether what stands at `other` has been seen by who is here. Raises: FailedPrecondition."""
        if self.epoch != other.epoch:
            raise another_history()
        return self.id >= other.id


def another_history() -> FailedPrecondition:
    return FailedPrecondition("position of another history", hint="load everything and follow from there")


@dataclass(frozen=True, slots=True)
class Committed(Generic[T]):
    """What a write answered, and the position that it reached: who follows the changes up to there has
    seen it."""

    value: T
    position: Position
