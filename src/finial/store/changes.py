"""The change log as followers see it: what changed after a position, and waiting for more.

A `Change` names a thing; the follower reads that thing again by its key, and finds it changed, equal or gone.
Each changed thing comes once, however often it changed. Commits of this process wake waiters at once, without
the poll; those of other processes are noticed within its period. A position that this log cannot continue from is
FailedPrecondition: the follower loads everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

from finial.runtime.clock import Clock
from finial.store.engine import Engine, Transaction
from finial.store.log import Change
from finial.store.position import Position

T = TypeVar("T")
POLL_PERIOD = 0.25  # seconds; each look costs 150 us of the loop, day and night


class Changes:
    """Made by the store, which calls `woken` after each commit and runs `notice`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._log = engine.log
        self._news = asyncio.Event()
        # Until this event is set there is nothing after this position: it was read up to there.
        self._quiet: tuple[asyncio.Event, Position] | None = None

    async def read(self, after: Position) -> tuple[list[Change], Position]:
        """What changed since, in order of the last change, and the position to go on from.

        Raises: FailedPrecondition for a position that cannot be continued from."""
        return await self.read_with(after, lambda _, found: found)

    async def read_with(
        self, after: Position, work: Callable[[Transaction, list[Change]], T]
    ) -> tuple[T, Position]:
        """As `read`, with what `work` makes of the changes in the transaction that they are read in."""

        def look(tx: Transaction) -> tuple[T, Position]:
            found, position = self._log.read(tx, after)
            return work(tx, found), position

        news = self._news  # taken before the look, so that what commits after it sets this one
        made, position = await self._engine.read(look)
        self._quiet = news, position
        return made, position

    async def wait(self, after: Position) -> None:
        """Returns once there is something after this position, or may be: `read` tells. Raises: as `read`."""
        news = self._news
        if self._quiet != (news, after) and await self._beyond(after):
            return
        await news.wait()
        self._engine.require_open()

    async def _beyond(self, after: Position) -> bool:
        return not after.covers(await self._engine.read(lambda tx: self._log.check(tx, after)))

    async def position(self) -> Position:
        """Where the log stands."""
        return await self._engine.read(self._log.here)

    async def trim(self, followers: Iterable[Position]) -> int:
        """Drops rows of the log that nobody needs, at most what these followers have seen; how many. A position
        from before the last dropped row is refused from then on."""
        return await self._engine.write("changes.trim", lambda tx: self._log.trim(tx, followers))

    def woken(self) -> None:
        """Something may have been committed. On the event loop."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def notice(self, clock: Clock, period: float) -> None:
        """Notices the commits of other processes, until it is cancelled."""
        await self._engine.notice(self.woken, clock, period)
