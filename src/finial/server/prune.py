"""What has ended is taken away: entries every 5 minutes, keys of the bundle every 6 h, CA journals every 8 h.

SPIRE 1.15's intervals and margins: a root or key goes a day after its end, and never the last one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from finial.errors import FailedPrecondition, FinialError
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.server.follow import Follower
from finial.store import Store

HOUR = 3600.0
ENTRIES_EVERY, BUNDLE_EVERY, JOURNALS_EVERY = 300.0, 6 * HOUR, 8 * HOUR
BUNDLE_MARGIN, JOURNAL_MARGIN = 24 * 3600, 14 * 24 * 3600  # seconds


class Pruner:
    """Its loops are tasks of the server's."""

    def __init__(self, store: Store, follower: Follower, clock: Clock, log: Logger) -> None:
        self._store, self._follower, self._clock, self._log = store, follower, clock, log

    async def entries(self) -> None:
        await self._each(ENTRIES_EVERY, "registration entries", self._prune_entries)

    async def bundle(self) -> None:
        await self._each(BUNDLE_EVERY, "bundle", self._prune_bundle)

    async def journals(self) -> None:
        await self._each(JOURNALS_EVERY, "CA journals", self._prune_journals)

    async def changes(self) -> None:
        await self._each(HOUR, "change log", self._trim_changes)

    async def _each(self, interval: float, what: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._clock.sleep(interval)
            try:
                await work()
            except FinialError as why:
                self._log.error(f"Failed to prune {what}", error=why)

    async def _prune_entries(self) -> None:
        for entry in (await self._store.prune_expired_entries(self._now())).value:
            self._log.info(
                "Pruned an expired registration", registration_id=entry.id, spiffe_id=str(entry.spiffe_id)
            )

    async def _prune_bundle(self) -> None:
        try:
            await self._store.prune_bundle(self._follower.trust_domain, self._now() - BUNDLE_MARGIN)
        except FailedPrecondition as why:  # nothing would be left
            self._log.warning("Bundle is not pruned", error=why)

    async def _prune_journals(self) -> None:
        await self._store.prune_journals(self._now() - JOURNAL_MARGIN)

    async def _trim_changes(self) -> None:
        await self._store.changes.trim([self._follower.position])

    def _now(self) -> int:
        return int(self._clock.unix())
