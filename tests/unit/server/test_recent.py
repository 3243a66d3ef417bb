"""The changes of late: who made them, whom they concern, and when those had them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from finial.registry.agent import Agent
from finial.server.arrival import Arrival
from finial.server.follow import Applied
from finial.server.recent import AWAITED, KEPT, Author, RecentChange, RecentChanges
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Change, Kind, Position
from finial.testing.clock import VirtualClock

DOMAIN = TrustDomain("example.org")
A, B = (SpiffeId.of(DOMAIN, f"/spire/agent/t/{one}") for one in "ab")
EPOCH = b"e" * 16


def at(number: int) -> Position:
    return Position(EPOCH, number)


@dataclass
class Agents:
    agents: dict[SpiffeId, Agent] = field(
        default_factory=lambda: {one: Agent(one, "t", "1", 0) for one in (A, B)}
    )


class Server:
    """The parts it listens to, played."""

    def __init__(self) -> None:
        self.trust_domain, self.position, self.index = DOMAIN, at(0), Agents()
        self.states: dict[SpiffeId, Arrival] = {}
        self.applied: Any = None
        self.moved: Any = None
        self.clock = VirtualClock()
        parts: Any = self
        marks: Any = type("Marks", (), {"subscribe": lambda _, listener: setattr(self, "moved", listener)})()
        self.recent = RecentChanges(parts, parts, parts, marks, self.clock)
        self.told: list[RecentChange] = []
        self.recent.subscribe(self.told.append)

    def subscribe(self, subscriber: Any) -> None:
        self.applied = subscriber

    def concerned(self, applied: Applied) -> list[Any]:
        return []

    def of(self, agent_id: SpiffeId, position: Position) -> Arrival:
        return self.states.get(agent_id, Arrival.PENDING)

    def apply(self, number: int, *agents: SpiffeId, bundles: tuple[TrustDomain, ...] = ()) -> RecentChange:
        things = (Change(Kind.ENTRY, str(number)),)
        self.applied(Applied(at(number), frozenset(agents), frozenset(bundles), changes=things))
        return list(self.recent)[-1]

    def arrive(self, agent_id: SpiffeId) -> None:
        self.states[agent_id] = Arrival.READY
        self.moved(agent_id)


def test_a_change_is_told_with_those_it_concerns_and_again_as_each_has_it() -> None:
    async def scenario() -> None:
        server = Server()
        change = server.apply(1, A, B)
        assert (change.concerned, change.waiting, change.arrivals) == (2, {A, B}, [])
        await server.clock.advance(2)
        server.arrive(A)
        await server.clock.advance(4)
        server.arrive(B)
        assert (change.arrivals, change.median, change.waiting) == ([2, 6], 4, set())
        server.arrive(B)
        assert server.told == [change] * 3

    asyncio.run(scenario())


def test_the_own_bundle_concerns_everybody() -> None:
    assert Server().apply(1, bundles=(DOMAIN,)).waiting == {A, B}
    assert Server().apply(1, bundles=(TrustDomain("other.test"),)).waiting == set()


def test_callers_of_this_server_are_named_whenever_they_are_known() -> None:
    server = Server()
    deploy, person = Author("spiffe://example.org/deploy", "BatchCreateEntry"), Author("uid 0", "BanAgent")
    server.recent.wrote(at(1), deploy)
    first, second = server.apply(2, A), server.apply(3)
    server.recent.wrote(at(3), person)
    server.recent.wrote(at(2), deploy)
    assert server.recent.authors(first) == [deploy]
    assert server.recent.authors(second) == [person]
    assert server.told == [first, second, second, first]


def test_a_write_of_another_history_belongs_to_no_change() -> None:
    server = Server()
    change = server.apply(1, A)
    server.recent.wrote(Position(b"x" * 16, 1), Author("uid 0", "BanAgent"))
    assert server.recent.authors(change) == []


def test_only_so_many_are_kept_and_awaited() -> None:
    server = Server()
    changes = [server.apply(number, A) for number in range(1, KEPT + AWAITED)]
    assert len(list(server.recent)) == KEPT
    server.arrive(A)
    assert not changes[-AWAITED - 1].arrivals
    assert changes[-AWAITED].arrivals


def test_a_fresh_load_is_no_change() -> None:
    server = Server()
    server.applied(Applied(at(9), everything=True))
    assert list(server.recent) == []
    assert server.apply(10, A).before == at(9)
