"""A clock that stands still until a test moves it.

Sleepers wake in the order of their moments, those of one moment in the order in which they fell asleep; each
runs, with all it sets off, before time goes on. A day of rotations takes milliseconds and comes out the same
every time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

from finial.runtime.clock import SystemClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A `finial.runtime.clock.Clock`. `turns`: how many turns of the loop the tasks get at each moment."""

    def __init__(self, start: datetime = START, *, turns: int = 50) -> None:
        self._start = start
        self._elapsed = 0.0
        self._turns = turns
        self._number = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._asleep = asyncio.Event()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def unix(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        await self._sleep_to(self._elapsed + seconds)

    async def wait_until(self, when: datetime) -> None:
        while (left := (when - self.now()).total_seconds()) > 0:
            await self._sleep_to(self._elapsed + left)

    async def _sleep_to(self, moment: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._number), future))
        self._asleep.set()
        await future

    @property
    def sleepers(self) -> int:
        """How many wait for a later moment."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Lets `seconds` pass, stopping at each moment somebody waits for."""
        await self.settle()
        target = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            moment, _, future = heapq.heappop(self._sleepers)
            if future.done():  # cancelled
                continue
            self._elapsed = max(self._elapsed, moment)
            future.set_result(None)
            await self.settle()
        self._elapsed = target

    async def advance_to(self, when: datetime) -> None:
        await self.advance((when - self.now()).total_seconds())

    def step(self, seconds: float) -> None:
        """Moves the wall clock alone, as ntpd or an operator does; wakes nobody."""
        self._start += timedelta(seconds=seconds)

    async def settle(self) -> None:
        """Lets the tasks run until they wait; what waits for a thread or a socket is not waited for."""
        for _ in range(self._turns):
            await asyncio.sleep(0)

    async def wait_for_sleepers(self, count: int) -> None:
        """Until `count` tasks sleep: for tests whose tasks do real work (threads, sockets) before they sleep."""
        while self.sleepers < count:
            self._asleep.clear()
            await self._asleep.wait()


class SetBack(SystemClock):
    """The system's, but that wall time is `behind` for so many seconds. `naps`: how often somebody slept."""

    behind, naps = 0.0, 0

    def unix(self) -> float:
        return super().unix() - self.behind

    def now(self) -> datetime:
        return super().now() - timedelta(seconds=self.behind)

    async def sleep(self, seconds: float) -> None:
        self.naps += 1
        await super().sleep(seconds)
