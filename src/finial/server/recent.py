"""The changes of late: what came into the index and when, by whom, whom it concerned and how long it took to them.

In memory, the newest of this server alone. A change is one step of the index, which may hold several commits. Who
made it is known for callers of this server: a write's position lies between the step before and its own. An agent has
a change when `arrival` says so; after a hundred changes more nobody waits for it here.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from finial.errors import FailedPrecondition
from finial.runtime.clock import Clock
from finial.server.arrival import Arrival, Arrivals
from finial.server.follow import Applied, Follower
from finial.server.marks import Marks
from finial.server.watch import Watchers
from finial.spiffe.id import SpiffeId
from finial.store import Change, Position

KEPT = 500
AWAITED = 100  # of the newest, arrivals are noted
MOST_AGENTS = 10_000  # whose arrival is noted of one change
THERE = (Arrival.READY, Arrival.DELIVERED)


@dataclass(frozen=True, slots=True)
class Author:
    caller: str
    method: str


@dataclass(slots=True, eq=False)
class RecentChange:
    """`arrivals`: seconds until each agent that has it had it, in the order in which they came."""

    position: Position
    before: Position
    at: float  # Unix seconds
    began: float  # of the monotonic clock
    things: tuple[Change, ...]
    concerned: int
    waiting: set[SpiffeId] = field(default_factory=set)
    arrivals: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.arrivals) if self.arrivals else 0.0


class RecentChanges:
    """`subscribe` to be told of each change that is new, or has arrived somewhere."""

    def __init__(
        self, follower: Follower, watchers: Watchers, arrivals: Arrivals, marks: Marks, clock: Clock
    ) -> None:
        self._follower, self._watchers = follower, watchers
        self._arrivals, self._clock = arrivals, clock
        self._changes: deque[RecentChange] = deque(maxlen=KEPT)
        self._written: deque[tuple[Position, Author]] = deque(maxlen=KEPT)
        self._awaited: OrderedDict[int, RecentChange] = OrderedDict()
        self._subscribers: dict[object, Callable[[RecentChange], None]] = {}
        self._before = follower.position
        follower.subscribe(self._applied)
        marks.subscribe(self._arrived)

    def __iter__(self) -> Iterator[RecentChange]:
        """Oldest first."""
        return iter(tuple(self._changes))

    def subscribe(self, subscriber: Callable[[RecentChange], None]) -> Callable[[], None]:
        """Called on the loop; must not raise. Returns: unsubscribe."""
        token = object()
        self._subscribers[token] = subscriber

        def leave() -> None:
            self._subscribers.pop(token, None)

        return leave

    def wrote(self, position: Position, author: Author) -> None:
        """A caller of this server committed up to here."""
        self._written.append((position, author))
        for change in reversed(self._changes):
            if _within(position, change):
                self._tell(change)
                return

    def authors(self, change: RecentChange) -> list[Author]:
        """Each once."""
        found = dict.fromkeys(author for position, author in self._written if _within(position, change))
        return list(found)

    def _applied(self, applied: Applied) -> None:
        before, self._before = self._before, applied.position
        if before == applied.position or applied.everything:
            return
        concerned = self._concerned(applied)
        change = RecentChange(
            applied.position,
            before,
            self._clock.unix(),
            self._clock.monotonic(),
            applied.changes,
            len(concerned),
            set(sorted(concerned, key=str)[:MOST_AGENTS]),
        )
        self._changes.append(change)
        if change.waiting:
            self._awaited[id(change)] = change
            while len(self._awaited) > AWAITED:
                self._awaited.popitem(last=False)
        self._tell(change)

    def _concerned(self, applied: Applied) -> frozenset[SpiffeId]:
        """The own bundle is everybody's; that of another trust domain, of those who watch and federate with it."""
        if self._follower.trust_domain in applied.bundles:
            return frozenset(one.id for one in self._follower.index.agents.values())
        return applied.agents.union(one.agent_id for one in self._watchers.concerned(applied))

    def _arrived(self, agent_id: SpiffeId) -> None:
        """An agent's mark moved: what it has now, it has since now."""
        for key, change in tuple(self._awaited.items()):
            if agent_id not in change.waiting:
                continue
            if self._arrivals.of(agent_id, change.position) in THERE:
                change.waiting.discard(agent_id)
                change.arrivals.append(self._clock.monotonic() - change.began)
                if not change.waiting:
                    del self._awaited[key]
                self._tell(change)

    def _tell(self, change: RecentChange) -> None:
        for subscriber in tuple(self._subscribers.values()):
            subscriber(change)


def _within(position: Position, change: RecentChange) -> bool:
    with suppress(FailedPrecondition):  # of another history
        return change.position.covers(position) and not change.before.covers(position)
    return False
