"""Proves, slowly and for ever, that the index is what the database holds: every 10 minutes a 64th of it.

Entries and agents are compared by the ids of their rows, so that also what is missing on either side is
found. A difference that no change since explains is told and mended: it came past the triggers of the change
log, by a tool that dropped them or a database that lost writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.server.follow import Follower
from finial.server.listing import Key, Value
from finial.store import Change, Kind, Store

BUCKETS = 64
EVERY = 600.0  # seconds
NAMED = 10  # keys that the log names at most


class IndexVerifier:
    def __init__(self, store: Store, follower: Follower, clock: Clock, log: Logger) -> None:
        self._store, self._follower, self._clock, self._log = store, follower, clock, log

    async def run(self) -> None:
        """Until cancelled."""
        for number in cycle(range(BUCKETS)):
            await self._clock.sleep(EVERY)
            try:
                await self.check(number)
            except FinialError as why:
                self._log.error("Failed to verify the index", error=why)

    async def check(self, number: int) -> None:
        """One bucket. Raises: as the store reads; FailedPrecondition where another history began meanwhile."""
        bucket = await self._store.bucket(number, BUCKETS)
        await self._follower.reached(bucket.position)
        entries, agents = self._follower.index.entries, self._follower.index.agents
        different = [
            *(Change(Kind.ENTRY, key) for key in _different(bucket.entries, entries.bucket(number, BUCKETS))),
            *(
                Change(Kind.NODE, str(id_))
                for id_ in _different(bucket.agents, agents.bucket(number, BUCKETS))
            ),
        ]
        if different:
            explained, _ = await self._store.changes.read(bucket.position)
            await self._repair([one for one in different if one not in explained])

    async def _repair(self, different: list[Change]) -> None:
        if not different:
            return
        keys = [one.key for one in different[:NAMED]]
        self._log.warning("Index differs from the database: repairing", count=len(different), keys=keys)
        await self._follower.repair(different)


def _different(stored: Mapping[Key, tuple[int, Value]], held: Mapping[Key, tuple[int, Value]]) -> list[Key]:
    """Keys that one of the two lacks, or has otherwise."""
    return [key for key in {**stored, **held} if stored.get(key) != held.get(key)]
