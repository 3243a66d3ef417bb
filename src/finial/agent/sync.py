"""Entries and bundles, kept as the server has them.

A server of ours is watched: it sends each change as it commits. A stock server answers Unimplemented and is
asked every few seconds, as a stock agent asks, with backoff while it fails. Beside a watch a slow poll goes
on, which proves that nothing was missed.
"""

from __future__ import annotations

from finial.agent.connection import ServerConnection, in_rpc_words, rpc_text
from finial.agent.contact import Contact
from finial.agent.counted import CountedPolls
from finial.agent.intake import Intake
from finial.agent.lifetime import Draw
from finial.agent.poll import fetch_bundles, fetch_entries
from finial.agent.rebootstrap import Rebootstrap
from finial.agent.watch import Watch
from finial.errors import FailedPrecondition, FinialError, PermissionDenied, Unsupported
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.runtime.tasks import until_first

LONGEST_BACKOFF = 8 * 60.0
BACKOFF_INTERVALS = 48
SAFETY_INTERVAL = 5 * 60.0
WATCH_RETRY = 5 * 60.0  # a stock server may be replaced by one of ours
RECONNECT = 0.2


class Synchronizer:
    """`interval`: seconds between polls of a stock server; may be set to another."""

    def __init__(
        self,
        connection: ServerConnection,
        intake: Intake,
        watch: Watch,
        clock: Clock,
        draw: Draw,
        log: Logger,
        trust: Rebootstrap,
        contact: Contact,
        metrics: Metrics,
        *,
        interval: float = 5.0,
    ) -> None:
        self._polls = CountedPolls(metrics)
        self._connection = connection
        self._intake = intake
        self._watch = watch
        self._clock = clock
        self._draw = draw
        self._log = log
        self._trust = trust
        self.interval = interval
        self.contact = contact

    async def synchronize(self) -> None:
        """One poll. Raises: what the calls raise, "failed to fetch authorized entries: ..."."""
        with self._polls.calls.measured():
            await self._poll()
        self.contact.heard()

    async def _poll(self) -> None:
        generation, before = self._intake.generation, dict(self._intake.holdings.entries)
        try:
            entries = await fetch_entries(self._connection, before, self._log)
        except FinialError as why:
            self._log.error("Failed to fetch authorized entries", error=rpc_text(why))
            raise in_rpc_words("failed to fetch authorized entries", why) from why
        bundles = await fetch_bundles(self._connection, entries.values())
        self._polls.done(before, entries, len(bundles))
        self._intake.replace(entries.values(), bundles, generation)

    async def run(self) -> None:
        """Until cancelled. Raises: PermissionDenied with a reason if this agent is not known any more;
        FailedPrecondition when trust starts over."""
        while True:
            try:
                await self._run_watch()
            except Unsupported:
                await self._run_polls(WATCH_RETRY)
            except PermissionDenied as why:
                if why.reason is not None:
                    raise
                self._log.debug("Server lets nobody watch", error=why)  # by a policy of its own
                await self._run_polls(WATCH_RETRY)

    async def _run_watch(self) -> None:
        """Streams in a row, with a slow poll beside. Raises: Unsupported, PermissionDenied."""
        await until_first(self._run_streams(), self._run_polls(None, SAFETY_INTERVAL))

    async def _run_streams(self) -> None:
        pause = RECONNECT
        while True:
            try:
                await self._watch.run()
                pause = RECONNECT
            except FailedPrecondition as why:
                self._log.info("Server has another history; loading in full", error=why)
                self._watch.position = b""
            except (Unsupported, PermissionDenied):
                raise
            except FinialError as why:
                self._log.error("Watch ended", error=rpc_text(why))
                self.contact.failed(why)
                await self._trust.call_failed(why)
                await self._clock.sleep(self._draw(pause * 0.9, pause * 1.1))
                pause = min(pause * 2, self._longest_pause)

    async def _run_polls(self, seconds: float | None, interval: float | None = None) -> None:
        """For so long, or until cancelled."""
        pause = interval or self.interval
        end = None if seconds is None else self._clock.monotonic() + seconds
        while end is None or self._clock.monotonic() < end:
            await self._clock.sleep(self._draw(pause * 0.9, pause * 1.1))
            try:
                await self.synchronize()
                await self._trust.succeeded()
                pause = interval or self.interval
            except FinialError as why:
                self._log.error("Synchronize failed", error=why)
                self.contact.failed(why)
                if isinstance(why, PermissionDenied) and why.reason is not None:
                    raise
                await self._trust.call_failed(why)
                pause = min(pause * 2, max(interval or self.interval, self._longest_pause))

    @property
    def _longest_pause(self) -> float:
        return min(LONGEST_BACKOFF, BACKOFF_INTERVALS * self.interval)
