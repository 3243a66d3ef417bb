"""How long a change takes to an agent: from the index, which has what was committed, to the agent's word for it.

Of each session the oldest change that its agent does not have in force yet is remembered by its moment, so that
ten changes told in one message are one delay, the longest of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from finial.errors import FailedPrecondition
from finial.runtime.metrics import Histogram, Metrics
from finial.store import Position

MOST_TOLD = 64  # messages of which the word of an agent is awaited


@dataclass(slots=True)
class Delays:
    """Of one session. Moments are of the monotonic clock."""

    seconds: Histogram
    monotonic: Callable[[], float]
    changed_at: float | None = None
    awaited: deque[tuple[Position, float]] = field(default_factory=lambda: deque(maxlen=MOST_TOLD))

    def changed(self) -> None:
        if self.changed_at is None:
            self.changed_at = self.monotonic()

    def told(self, position: Position) -> None:
        """All up to here is on its way."""
        if self.changed_at is not None:
            self.awaited.append((position, self.changed_at))
            self.changed_at = None

    def unchanged(self) -> None:
        """What changed does not concern the agent after all."""
        self.changed_at = None

    def in_force(self, position: Position) -> None:
        """The agent has all up to here; one of another history says nothing."""
        with suppress(FailedPrecondition):
            while self.awaited and position.covers(self.awaited[0][0]):
                self.seconds.add(self.monotonic() - self.awaited.popleft()[1])


def delays_of(metrics: Metrics, monotonic: Callable[[], float]) -> Callable[[], Delays]:
    """What makes the `Delays` of a session, all into one histogram."""
    seconds = metrics.histogram("finial.propagation_seconds")
    return lambda: Delays(seconds, monotonic)
