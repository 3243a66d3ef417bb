"""Time, passed in: `Clock` is what a service takes, `SystemClock` what it runs on.

Two kinds of time are kept apart. `now` and `unix` are wall time: what certificates, tokens and rows carry; it
can be stepped. `monotonic` only measures distances. `finial.testing.clock.VirtualClock` moves both by hand.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

LONGEST_NAP = 30.0
"""Seconds after which `wait_until` looks at the wall clock again: it may have been stepped, or the machine slept."""

SLIP = 1.0
"""Seconds that the wall clock may fall behind monotonic time unnoticed: NTP slews it by less, but for days."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, aware, UTC."""

    def unix(self) -> float:
        """Wall time in seconds since 1970."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Zero or less gives the other tasks one turn."""

    async def wait_until(self, when: datetime) -> None:
        """Returns once `now() >= when`, also when the wall clock is stepped meanwhile."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place

    def unix(self) -> float:
        return time.time()  # noqa: TID251 - the one place

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0))

    async def wait_until(self, when: datetime) -> None:
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - a clock sends no event
            await asyncio.sleep(min(left, LONGEST_NAP))


async def until_set_back(clock: Clock) -> None:
    """Returns within LONGEST_NAP seconds once the wall clock, from now on, is set back."""
    ahead = clock.unix() - clock.monotonic()
    while clock.unix() - clock.monotonic() > ahead - SLIP:
        await clock.sleep(LONGEST_NAP)
