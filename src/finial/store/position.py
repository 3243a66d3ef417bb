"""Position: a point in one history of a database. Opaque to all but the store.

What is committed has an id, and a position stands for the ids that have been seen: all up to `id`, but those
in `open`, which were not committed yet. Where there is one writer nothing is ever open.

Encoded: the epoch's 16 bytes, then the id and the open ones, rising, each as a big-endian unsigned 64-bit
number. Two positions compare only within one epoch: a restored, copied or handed-over database has another.
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
    open: frozenset[int] = frozenset()  # each at most `id`

    def encode(self) -> bytes:
        numbers = (self.id, *sorted(self.open))
        return self.epoch + b"".join(number.to_bytes(ID_SIZE, "big") for number in numbers)

    @classmethod
    def decode(cls, data: bytes) -> Position:
        """Raises: InvalidArgument."""
        if len(data) < EPOCH_SIZE + ID_SIZE or len(data) % ID_SIZE:
            raise InvalidArgument(
                f"position has {len(data)} bytes, {EPOCH_SIZE + ID_SIZE} or some eights more are expected"
            )
        starts = range(EPOCH_SIZE, len(data), ID_SIZE)
        first, *rest = (int.from_bytes(data[at : at + ID_SIZE], "big") for at in starts)
        return cls(data[:EPOCH_SIZE], first, frozenset(rest))

    @property
    def seen_before(self) -> int:
        """The first id that has not been seen: all below it have."""
        return min(self.open, default=self.id + 1)

    def covers(self, other: Position) -> bool:
        """Whether what stands at `other` has been seen by who is here. Raises: FailedPrecondition."""
        if self.epoch != other.epoch:
            raise another_history()
        if any(one <= other.id and one not in other.open for one in self.open):
            return False
        beyond = sum(one > self.id for one in other.open)
        return other.id - self.id <= beyond


def another_history() -> FailedPrecondition:
    return FailedPrecondition("position of another history", hint="load everything and follow from there")


@dataclass(frozen=True, slots=True)
class Committed(Generic[T]):
    """What a write answered, and the position that it reached: who follows the changes up to there has
    seen it."""

    value: T
    position: Position
