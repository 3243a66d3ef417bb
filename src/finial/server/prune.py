"""What has ended is taken away: entries every 5 minutes, keys of the bundle every 6 h, CA journals every 8 h,
agents about hourly if the configuration wants that.

Rows of SPIRE's event tables go at twice the interval at which they are looked for. Join tokens stay until
they are used. Intervals, margins and words are those of SPIRE 1.15: a root or key goes a day after its end,
and never the last one.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from finial.config.durations import format_duration
from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.server.follow import Follower
from finial.spiffe.bundle import Bundle
from finial.store import Store

HOUR = 3600.0
ENTRIES_EVERY, BUNDLE_EVERY, JOURNALS_EVERY = 300.0, 6 * HOUR, 8 * HOUR
AGENTS_EVERY, AGENTS_JITTER = HOUR, HOUR / 4  # so that servers on one database do not prune at once
AGENTS_BATCH = 1000  # more go the next time
BUNDLE_MARGIN, JOURNAL_MARGIN = 24 * 3600, 14 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class AgentPruning:
    """Which agents go: those expired for so long and never banned ones, at most `batch_size` a time."""

    expired_for: timedelta
    batch_size: int = AGENTS_BATCH
    also_tofu: bool = False  # also those that cannot attest again


class Pruner:
    """Its loops are tasks of the server's."""

    def __init__(self, store: Store, follower: Follower, clock: Clock, log: Logger, metrics: Metrics) -> None:
        self._store, self._follower, self._clock = store, follower, clock
        self._log, self._sql, self._endpoints = log, log.subsystem("sql"), log.subsystem("endpoints")
        self._registration, self._ca = log.subsystem("registration_manager"), log.subsystem("ca_manager")
        self._entries_pruned = metrics.calls("registration_entry.manager.prune")
        self._agents_pruned = metrics.calls("node.manager.prune")
        self._bundle_pruned = metrics.calls("ca.manager.bundle.prune")  # SPIRE counts journals there too
        self._taken_away = metrics.counter("ca.manager.bundle.pruned")

    async def entries(self) -> None:
        failed = self._registration, "Failed pruning registration entries"
        await self._each(ENTRIES_EVERY, self._prune_entries, *failed)

    async def bundle(self) -> None:
        await self._each(BUNDLE_EVERY, self._prune_bundle, self._ca, "Could not prune CA certificates")

    async def journals(self) -> None:
        await self._each(JOURNALS_EVERY, self._prune_journals, self._ca, "Could not prune CA journals")

    async def agents(
        self,
        wanted: Callable[[], AgentPruning | None],
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`wanted` is asked each time: a reload may say otherwise."""
        log = self._log.subsystem("node_manager")
        if (first := wanted()) is not None:
            log.info(
                "Periodic prune of expired nodes started",
                expired_for=format_duration(first.expired_for),
                include_tofu=first.also_tofu,
            )

        async def prune() -> None:
            if (which := wanted()) is None:
                return
            before = self._before(which.expired_for.total_seconds())
            with self._agents_pruned.measured():
                pruned = await self._store.prune_expired_agents(
                    before, also_tofu=which.also_tofu, limit=which.batch_size
                )
            self._sql.info("Pruned expired agents", count=len(pruned.value))

        interval = AGENTS_EVERY + draw(-AGENTS_JITTER, AGENTS_JITTER)
        await self._each(interval, prune, log, "Failed during periodic pruning of expired nodes")

    async def events(self, older_than: timedelta) -> None:
        """SPIRE's own events, written for stock servers on the same database."""
        age = older_than.total_seconds()

        async def prune() -> None:
            self._endpoints.debug("Pruning events")
            await self._store.prune_events(self._before(age))

        try:
            await self._each(age / 2, prune, self._endpoints, "Failed to prune events")
        finally:
            self._endpoints.debug("Stopping event pruner")

    async def changes(self) -> None:
        await self._each(HOUR, self._trim_changes, self._log, "Failed to trim the change log")

    async def _each(
        self, interval: float, work: Callable[[], Awaitable[None]], log: Logger, failed: str
    ) -> None:
        while True:
            await self._clock.sleep(interval)
            try:
                await work()
            except FinialError as why:
                log.error(failed, error=why)

    async def _prune_entries(self) -> None:
        with self._entries_pruned.measured():
            pruned = await self._store.prune_expired_entries(self._before(0))
        for entry in pruned.value:
            self._sql.info(
                "Pruned an expired registration",
                entry_id=entry.id,
                parent_id=str(entry.parent_id),
                spiffe_id=str(entry.spiffe_id),
            )

    async def _prune_bundle(self) -> None:
        own = self._follower.trust_domain
        before = await self._store.bundle(own)
        try:
            with self._bundle_pruned.measured():
                left = (await self._store.prune_bundle(own, self._before(BUNDLE_MARGIN))).value
        except FinialError as why:
            raise why.within("unable to prune bundle") from why
        if before is not None and before != left:
            self._tell_pruned(before, left)

    def _tell_pruned(self, before: Bundle, left: Bundle) -> None:
        """What another server takes away at this very moment is told by both."""
        self._taken_away.add()
        for root in set(before.x509_roots) - set(left.x509_roots):
            certificate = x509.load_der_x509_certificate(root)
            self._sql.info(
                "Pruning CA certificate due to expiration",
                expiration=certificate.not_valid_after_utc,
                serial_num=str(certificate.serial_number),
            )
        kinds = {
            "JWT": (before.jwt_authorities, left.jwt_authorities),
            "WIT": (before.wit_authorities, left.wit_authorities),
        }
        for kind, (keys, kept) in kinds.items():
            for key in (one for one in keys if one not in kept):
                self._sql.info(
                    f"Pruning {kind} signing key due to expiration",
                    expiration=datetime.fromtimestamp(key.expires_at, UTC),
                    kid=key.key_id,
                )
        self._ca.debug("Expired certificates were successfully pruned from bundle")

    async def _prune_journals(self) -> None:
        try:
            with self._bundle_pruned.measured():
                pruned = (await self._store.prune_journals(self._before(JOURNAL_MARGIN))).value
        except FinialError as why:
            raise why.within("unable to prune CA journals") from why
        for id_ in pruned:
            self._sql.info("Pruned stale CA journal record", ca_journal_id=id_)

    async def _trim_changes(self) -> None:
        await self._store.changes.trim([self._follower.position])

    def _before(self, margin: float) -> int:
        return int(self._clock.unix() - margin)
