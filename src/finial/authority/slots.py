"""The two slots of one kind of authority: which is where, and when the next one is due. Pure; times are Unix seconds.

A and B are also the names of the kind's keys in the KeyManager: the active authority holds one, the prepared
or else the old one the other. The next authority is prepared, and published, at half of the lifetime (30 days
before the end at the most), so that every verifier knows it long before it signs; it is activated at the last
sixth (7 days at the most), or earlier once everybody acknowledged it, and not before it was published for a
sixth of its life. SPIRE 1.15 `pkg/server/ca/manager/slot.go`, `pkg/server/ca/rotator`.

A CA begins ten seconds before it is issued. Where the clock was set back to before that, what it signs is good for
nobody: another is prepared in the free slot and activated at once. The old one is never taken back: it may be tainted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from finial.authority.ca import CUSHION
from finial.authority.journal import JwtKeyRecord, Status, X509CaRecord

DAY = 24 * 3600  # seconds
PREPARE_CAP = 30 * DAY
ACTIVATE_CAP = 7 * DAY
SLOT_IDS = ("A", "B")

AnyRecord = X509CaRecord | JwtKeyRecord
Record = TypeVar("Record", bound=AnyRecord)


class Kind(StrEnum):
    """Values begin the names of the keys in the KeyManager."""

    X509 = "x509-CA"
    JWT = "JWT-Signer"

    def key_id(self, slot_id: str) -> str:
        """`x509-CA-A`: where the KeyManager keeps the key of a slot."""
        return f"{self.value}-{slot_id}"


@dataclass(frozen=True, slots=True)
class Slots(Generic[Record]):
    """The two slots of one kind. `current` is active; `next` is prepared or old."""

    current: Record | None = None
    next: Record | None = None

    @classmethod
    def load(cls, records: Iterable[Record], usable: Callable[[Record], bool]) -> Slots[Record]:
        """The newest usable record of each role. Usable: its key is held and its authority published."""
        newest_first = [one for one in reversed(tuple(records)) if usable(one)]
        current = next((one for one in newest_first if one.status is Status.ACTIVE), None)
        others = [one for one in newest_first if current is None or one.slot_id != current.slot_id]
        return cls(current, next((one for one in others if one.status is not Status.ACTIVE), None))

    @property
    def prepared(self) -> Record | None:
        return self.next if self.next is not None and self.next.status is not Status.OLD else None

    @property
    def old(self) -> Record | None:
        return self.next if self.next is not None and self.next.status is Status.OLD else None

    @property
    def free_slot(self) -> str:
        """Where the next one is prepared; what is there, old or never activated, is given up."""
        if self.current is None:
            return SLOT_IDS[0] if self.next is None else other_slot(self.next.slot_id)
        return other_slot(self.current.slot_id)

    def should_prepare(self, now: float) -> bool:
        ready = self.prepared is not None and has_begun(self.prepared, now)
        return not ready and (self.is_premature(now) or self.is_ageing(now))

    def is_premature(self, now: float) -> bool:
        """Whether the current one begins later: the clock was set back."""
        return self.current is not None and not has_begun(self.current, now)

    def is_ageing(self, now: float) -> bool:
        """Whether the current one is to be followed. One that an operator prepared before is left to him."""
        return self.current is None or now > _threshold(self.current, 2, PREPARE_CAP)

    def must_activate(self, now: float) -> bool:
        """Whether the prepared one cannot wait for acknowledgements any longer.

        SPIRE's timer, but with notice: one that was published late, after a sleep or because an operator
        rotated by hand, waits a sixth of a life for verifiers to learn of it, while the current one lasts.
        """
        if self.prepared is None:
            return False
        if self.current is None or self.is_premature(now):
            return True
        if now <= _threshold(self.current, 6, ACTIVATE_CAP):
            return False
        lifetime = self.prepared.not_after - self.prepared.issued_at
        noticed = now > self.prepared.issued_at + min(lifetime / 6, ACTIVATE_CAP)
        return noticed or now > _threshold(self.current, 24, ACTIVATE_CAP // 4)


def has_begun(record: AnyRecord, now: float) -> bool:
    """Whether it is valid `now` or was before. A key for tokens begins at no time."""
    return isinstance(record, JwtKeyRecord) or record.issued_at - CUSHION.total_seconds() <= now


def _threshold(record: AnyRecord, divisor: int, cap: int) -> float:
    lifetime = record.not_after - record.issued_at
    return record.not_after - min(lifetime / divisor, cap)


def other_slot(slot_id: str) -> str:
    return SLOT_IDS[1] if slot_id == SLOT_IDS[0] else SLOT_IDS[0]


AnySlots = Slots[X509CaRecord] | Slots[JwtKeyRecord]
