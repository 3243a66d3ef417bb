"""Which entries need a (new) SVID, and which of them first. Pure.

In go the changes of entries, of SVIDs in hand and of who waits for them; out comes a list, at any moment. It is
kept as it changes, so that a change costs what it changes and not what there is.

Rules:
- First what a workload waits for, then what is to be renewed, that which expires first before others, then what
  nobody asks for yet, as far as there is room.
- An SVID is to be renewed when its time has come, when a root that vouches for it is tainted or gone, when its
  entry has changed since, and once when the clock was set back to before the SVID begins.

SPIRE 1.15 `pkg/agent/manager/sync.go`, `pkg/agent/common/rotationutil`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush
from itertools import count, islice

from finial.agent.answer import HeldSvid
from finial.registry.entry import Entry


@dataclass(frozen=True, slots=True)
class Due:
    """An entry that needs an SVID; `expires_at` is that of the one in hand, if there is one. `awaited`: there is
    none, and a workload asks."""

    entry: Entry
    expires_at: datetime | None = None
    awaited: bool = False


class DueEntries:
    """Mutable, for one thread. Each argument is by entry ID and belongs to the caller, who changes it and then
    says so: entries, SVIDs in hand, and by how many views an entry is asked for."""

    def __init__(
        self, entries: Mapping[str, Entry], held: Mapping[str, HeldSvid], asked: Mapping[str, int]
    ) -> None:
        self._entries, self._held, self._asked = entries, held, asked
        self.tainted: set[str] = set()
        # Three drawers of entry IDs, each in the order in which they came.
        self._waiting: dict[str, None] = {}  # without an SVID, and a workload asks
        self._prefetch: dict[str, None] = {}  # without an SVID, and nobody asks
        self._stale: dict[str, None] = {}  # with one that is old, tainted or of another revision
        # A heap by renewal; also of SVIDs held no more. The number keeps equal times from comparing the rest.
        self._ages: list[tuple[float, int, str, HeldSvid]] = []
        self._order = count()
        self._looked_at = 0.0

    @property
    def waiting(self) -> int:
        """How many entries a workload waits for."""
        return len(self._waiting)

    def at(self, now: float, room: int) -> list[Due]:
        """`now` is Unix seconds; `room` is for so many that nobody asks for."""
        self._age(now)
        renewals = [(self._held[one].svid.not_after, one) for one in self._stale]
        found = [Due(self._entries[one], awaited=True) for one in self._waiting]
        found += (Due(self._entries[one], not_after) for not_after, one in sorted(renewals))
        found += (Due(self._entries[one]) for one in islice(self._prefetch, room))
        return found

    def next_renewal(self) -> float | None:
        """Unix seconds of the first renewal to come by age, beyond what `at` has named; None: there is none."""
        while self._ages and self._held.get(self._ages[0][2]) is not self._ages[0][3]:
            heappop(self._ages)
        return self._ages[0][0] if self._ages else None

    def signed(self, entry_id: str, held: HeldSvid) -> None:
        """`held` is new in hand."""
        self.tainted.discard(entry_id)
        if len(self._ages) > 2 * len(self._held) + 64:
            self._heap_ages()
        else:
            heappush(self._ages, (held.renew_at, next(self._order), entry_id, held))
        self.file(entry_id)

    def taint(self, entry_ids: Iterable[str]) -> None:
        """What these have is good for nobody: a root that vouches for it is tainted or gone, say."""
        for entry_id in entry_ids:
            self.tainted.add(entry_id)
            self.file(entry_id)

    def file(self, entry_id: str) -> None:
        """Says anew what an entry needs; after each change of it, of its SVID, or of who asks for it."""
        for drawer in (self._waiting, self._prefetch, self._stale):
            drawer.pop(entry_id, None)
        entry, held = self._entries.get(entry_id), self._held.get(entry_id)
        if held is None:
            self.tainted.discard(entry_id)
        if entry is None:
            return
        if held is not None:
            aged = held.renew_at <= self._looked_at
            if aged or entry_id in self.tainted or not held.current_for(entry):
                self._stale[entry_id] = None
        elif self._asked.get(entry_id):
            self._waiting[entry_id] = None
        elif not (entry.disable_x509_svid_prefetch or entry.store_svid):
            self._prefetch[entry_id] = None

    def _age(self, now: float) -> None:
        ahead, self._looked_at = now < self._looked_at, now
        if ahead:  # the clock was: what was old by it is looked at anew, what it dated too late signed anew
            self._heap_ages()
            for entry_id in tuple(self._stale):
                self.file(entry_id)
            held = self._held.items()
            self.taint([one for one, by in held if by.svid.not_before.timestamp() > now])
        while (moment := self.next_renewal()) is not None and moment <= now:
            self.file(heappop(self._ages)[2])

    def _heap_ages(self) -> None:
        self._ages = [(one.renew_at, next(self._order), id_, one) for id_, one in self._held.items()]
        heapify(self._ages)
