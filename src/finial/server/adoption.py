"""Who lacks the newest authority of this server: how many agents, and for how long.

Counting asks each agent's state, which costs 10 us: once all have it, it is not counted again until there is another,
and in between at most once a second.
"""

from __future__ import annotations

from finial.runtime.clock import Clock
from finial.server.arrival import Arrivals
from finial.server.rotate import Authorities
from finial.store import Position

COUNTED_FOR = 1.0  # seconds


class Adoption:
    """Agents that come later begin with what there is: they lack nothing."""

    def __init__(self, arrivals: Arrivals, authorities: Authorities, clock: Clock) -> None:
        self._arrivals, self._authorities, self._clock = arrivals, authorities, clock
        self._everywhere: Position | None = None
        self._counted: tuple[Position, float, int] | None = None

    def pending(self) -> int:
        """Agents that are known to be without it."""
        newest, now = self._authorities.published, self._clock.monotonic()
        if newest is None or newest == self._everywhere:
            return 0
        if self._counted is not None:
            position, at, count = self._counted
            if position == newest and now < at + COUNTED_FOR:
                return count
        count = self._arrivals.pending(newest)
        self._counted = newest, now, count
        if not count:
            self._everywhere = newest
        return count

    def lag(self) -> float:
        """Seconds since it was published, while an agent is without it; else 0."""
        return self._authorities.published_for if self.pending() else 0.0
