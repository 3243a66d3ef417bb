"""Where a change has arrived: one agent's state for one position. What Wait tells and rotation waits for.

    pending -> ready (it watches, and said so) | delivered (it polls, and fetched it) | gone (silent)

An agent that watches is asked for nothing but its word. Silent for three of SPIRE's synchronisation
intervals is gone: nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, auto

from finial.errors import FailedPrecondition
from finial.runtime.clock import Clock
from finial.server.follow import Follower
from finial.server.marks import Marks
from finial.server.watch import Watchers
from finial.spiffe.id import SpiffeId
from finial.store import Position

GONE_AFTER = 15.0  # seconds: three of SPIRE's synchronisation intervals
NO_ENTRIES: frozenset[str] = frozenset()


class Arrival(Enum):
    READY = auto()
    DELIVERED = auto()
    PENDING = auto()
    GONE = auto()


class Arrivals:
    """Of this server's agents, as far as they called this server since it started."""

    def __init__(self, follower: Follower, watchers: Watchers, marks: Marks, clock: Clock) -> None:
        self._follower, self._watchers, self._marks, self._clock = follower, watchers, marks, clock
        self._began = clock.unix()

    def of(
        self,
        agent_id: SpiffeId,
        position: Position,
        entry_ids: frozenset[str] = NO_ENTRIES,
        *,
        since: float | None = None,
    ) -> Arrival:
        """`entry_ids`: the change is about these alone. `since` (Unix seconds): an agent that was never seen
        has been silent from then on; without it, from the server's start."""
        sessions = self._watchers.of(agent_id)
        with suppress(FailedPrecondition):  # another history since: nothing is known of it
            if any(one.in_force(position, self._follower.position) for one in sessions):
                return Arrival.READY
        if sessions:
            return Arrival.PENDING  # it will say so itself, once the SVIDs are in its hand
        mark = self._marks.get(agent_id)
        if mark is not None and mark.is_delivered(position, entry_ids):
            return Arrival.DELIVERED
        seen = mark.last_seen if mark is not None else self._began if since is None else since
        return Arrival.GONE if self._clock.unix() - seen > GONE_AFTER else Arrival.PENDING

    def everywhere(self, position: Position) -> bool:
        """No agent is known to be without it: each has it or is gone."""
        if not self._follower.position.covers(position):
            return False
        return not any(self._pending(position))

    def pending(self, position: Position) -> int:
        """How many agents are known to be without it."""
        return sum(self._pending(position))

    def _pending(self, position: Position) -> Iterator[bool]:
        for agent in self._follower.index.agents.values():
            yield self.of(agent.id, position) is Arrival.PENDING
