"""Who watches, and when each is told: one session for each open Watch.

A session keeps what it told its agent last: the very mapping of the index's answer, shared by all agents
with equal roots, so a session costs no copy and a change is the difference of two mappings. A change that
concerns more than 100 sessions is let out over two seconds, those whose SVIDs end first going first.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from finial.errors import ResourceExhausted
from finial.registry.entry import Entry
from finial.runtime.clock import Clock
from finial.runtime.metrics import Metrics
from finial.runtime.tasks import Tasks
from finial.server.follow import Applied, Follower
from finial.server.propagation import Delays, delays_of
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position

CROWD = 100  # sessions that are told at once
SPREAD = 2.0  # seconds over which a crowd is told
MOST = 8  # sessions of one agent: an honest one has one, and two for a moment


@dataclass(slots=True)
class Change:
    """What one session is told."""

    entries: list[Entry] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    bundles: list[Bundle] = field(default_factory=list)
    withdrawn_bundles: list[TrustDomain] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.entries or self.withdrawn or self.bundles or self.withdrawn_bundles)


@dataclass(slots=True, eq=False)
class Session:
    """`wake` is set for anything its handler has to look at."""

    agent_id: SpiffeId
    delays: Delays
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    dirty: bool = True  # something may have to be told
    entries: dict[str, Entry] = field(default_factory=dict)
    bundles: dict[TrustDomain, Bundle] = field(default_factory=dict)
    sent: Position | None = None
    acknowledged: Position | None = None

    def take(self, follower: Follower) -> Change:
        """The difference between what was told and what is; from here on it counts as told."""
        self.dirty = False
        entries = follower.index.answer(self.agent_id).entries
        bundles = bundles_for(entries, follower)
        change = Change(
            [one for entry_id, one in entries.items() if self.entries.get(entry_id) != one],
            [entry_id for entry_id in self.entries if entry_id not in entries],
            [one for domain, one in bundles.items() if self.bundles.get(domain) != one],
            [domain for domain in self.bundles if domain not in bundles],
        )
        self.entries, self.bundles = entries, bundles
        if not change:
            self.delays.unchanged()
        return change

    def in_force(self, position: Position, now: Position) -> bool:
        """Whether the agent has all up to `position`: it said so, or there was nothing to tell it since."""
        if self.acknowledged is None or self.acknowledged.epoch != position.epoch:
            return False
        if self.acknowledged.covers(position):
            return True
        return not self.dirty and self.acknowledged == self.sent and now.covers(position)

    def send(self, position: Position) -> None:
        """What was taken is on its way; with it the agent has all up to here."""
        self.sent = position
        self.delays.told(position)

    def acknowledge(self, position: Position) -> None:
        self.acknowledged = position
        self.delays.in_force(position)

    def concern(self) -> None:
        """There may be something to tell."""
        self.dirty = True
        self.delays.changed()

    def tell(self) -> None:
        self.dirty = True
        self.wake.set()


def bundles_for(entries: dict[str, Entry], follower: Follower) -> dict[TrustDomain, Bundle]:
    """The own bundle, and those of the trust domains that the entries federate with."""
    own = follower.trust_domain
    domains = dict.fromkeys([own, *(one for entry in entries.values() for one in entry.federates_with)])
    known = follower.view.bundles
    return {one: known[one] for one in domains if one in known}


class Watchers:
    """All sessions of this server."""

    def __init__(self, follower: Follower, clock: Clock, tasks: Tasks, metrics: Metrics) -> None:
        self._delays = delays_of(metrics, clock.monotonic)
        self._follower, self._clock, self._tasks = follower, clock, tasks
        self._sessions: dict[SpiffeId, set[Session]] = {}
        follower.subscribe(self._applied)

    def open(self, agent_id: SpiffeId) -> Session:
        """Raises: ResourceExhausted: each session costs work at each change, and memory where nobody reads."""
        group = self._sessions.setdefault(agent_id, set())
        if len(group) >= MOST:
            raise ResourceExhausted(f"{MOST} watches of this agent are open, no more are allowed")
        session = Session(agent_id, self._delays())
        group.add(session)
        return session

    def close(self, session: Session) -> None:
        others = self._sessions.get(session.agent_id, set())
        others.discard(session)
        if not others:
            self._sessions.pop(session.agent_id, None)

    def of(self, agent_id: SpiffeId) -> set[Session]:
        return self._sessions.get(agent_id, set())

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def _applied(self, applied: Applied) -> None:
        concerned = self.concerned(applied)
        for session in concerned:
            session.concern()
        if len(concerned) <= CROWD:
            for session in concerned:
                session.tell()
        else:
            self._tasks.start(self._let_out(concerned), name="tell a crowd of watchers")

    def concerned(self, applied: Applied) -> list[Session]:
        if applied.everything:
            return [one for group in self._sessions.values() for one in group]
        found = {one for agent_id in self._among(applied.agents) for one in self._sessions[agent_id]}
        if applied.bundles:
            found |= {
                one
                for group in self._sessions.values()
                for one in group
                if not applied.bundles.isdisjoint(one.bundles)
            }
        return list(found)

    def _among(self, agents: frozenset[SpiffeId]) -> list[SpiffeId]:
        """Those that watch; the smaller side is walked."""
        if len(agents) < len(self._sessions):
            return [one for one in agents if one in self._sessions]
        return [one for one in self._sessions if one in agents]

    async def _let_out(self, sessions: list[Session]) -> None:
        agents = self._follower.index.agents

        def ends(session: Session) -> int:
            agent = agents.get(session.agent_id)
            return agent.expires_at if agent else 0

        pause = SPREAD * CROWD / len(sessions)
        for number, session in enumerate(sorted(sessions, key=ends)):
            if number and number % CROWD == 0:
                await self._clock.sleep(pause)
            session.tell()
