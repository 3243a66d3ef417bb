"""Rates that wait: a call that comes too early is held back, not refused, as in SPIRE's API.

`TokenBucket` is the arithmetic, with the time as an argument; `RateLimiter` keeps one bucket a caller, a
bounded number of them, and sleeps on a Clock. A call is refused only if it asks for more at once than the
bucket ever holds, or would wait beyond its deadline. SPIRE 1.15: pkg/server/api/limits, x/time/rate.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from finial.errors import ResourceExhausted
from finial.runtime.clock import Clock

MAX_KEYS = 10_000


class TokenBucket:
    """Full at first; refilled by `rate` tokens a second up to `burst`. Below zero it owes to those who wait."""

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = float(burst), now

    def take(self, count: int, now: float, patience: float = math.inf) -> float:
        """Takes `count` tokens. Returns: seconds until they are there; `now` is monotonic seconds.

        Raises: ResourceExhausted, in SPIRE's words, and then takes nothing.
        """
        if count > self.burst:
            raise ResourceExhausted(f"rate ({count}) exceeds burst size ({self.burst})")
        self._refill(now)
        wait = max(0.0, (count - self._tokens) / self.rate)
        if wait > patience:
            raise ResourceExhausted(f"rate: Wait(n={count}) would exceed context deadline")
        self._tokens -= count
        return wait

    def give_back(self, count: int, now: float) -> None:
        """What a caller took that left before its turn."""
        self._refill(now)
        self._tokens = min(float(self.burst), self._tokens + count)

    def _refill(self, now: float) -> None:
        self._tokens = min(float(self.burst), self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = max(self._at, now)


class RateLimiter:
    """`rate` calls a second for each key, and as many at once. A key is who calls, or "" for all."""

    def __init__(
        self, rate: int, clock: Clock, *, burst: int | None = None, max_keys: int = MAX_KEYS
    ) -> None:
        self._rate, self._burst, self._clock, self._max_keys = rate, burst or rate, clock, max_keys
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    async def wait(self, key: str, count: int = 1, *, timeout: float | None = None) -> None:
        """Returns when `count` calls of this caller are due. `timeout`: seconds to its deadline.

        Raises: ResourceExhausted, at once. Cancelled while it waits, it gives back what it took.
        """
        now = self._clock.monotonic()
        bucket = self._bucket(key, now)
        delay = bucket.take(count, now, math.inf if timeout is None else timeout)
        if not delay:
            return
        try:
            await self._clock.sleep(delay)
        except BaseException:
            bucket.give_back(count, self._clock.monotonic())
            raise

    def allow(self, key: str) -> bool:
        """Whether one call of this caller is due now; for limits that refuse where others wait."""
        now = self._clock.monotonic()
        try:
            self._bucket(key, now).take(1, now, patience=0.0)
        except ResourceExhausted:
            return False
        return True

    def _bucket(self, key: str, now: float) -> TokenBucket:
        """Of too many the one idle for longest goes: idle for a second, it is full again and nothing is lost."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
