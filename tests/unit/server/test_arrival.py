from __future__ import annotations

import pytest

from finial.registry.agent import Agent
from finial.runtime.tasks import Tasks
from finial.server.arrival import GONE_AFTER, Arrival, Arrivals
from finial.server.authorized import AuthorizedIndex
from finial.server.marks import Marks
from finial.server.watch import Session, Watchers
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position
from finial.testing.clock import VirtualClock
from finial.testing.metrics import unread

DOMAIN = TrustDomain("example.org")
ONE, TWO = (SpiffeId(DOMAIN, f"/spire/agent/t/{number}") for number in (1, 2))


def at(number: int, history: bytes = b"e" * 16) -> Position:
    return Position(history, number)


class Follower:
    """What is read of the real one, without a database."""

    trust_domain = DOMAIN

    def __init__(self) -> None:
        self.index, self.position = AuthorizedIndex(), at(5)

    def subscribe(self, subscriber: object) -> None:
        """Nobody is told."""


class World:
    def __init__(self) -> None:
        self.follower, self.clock = Follower(), VirtualClock()
        for row, agent_id in enumerate((ONE, TWO), 1):
            self.follower.index.put_agent(Agent(agent_id, "t", "1", 0), row)
        self.watchers = Watchers(self.follower, self.clock, Tasks(), unread())  # type: ignore[arg-type] # as is read of it
        self.marks = Marks(self.clock, lambda: self.follower.position)
        self.arrivals = Arrivals(self.follower, self.watchers, self.marks, self.clock)  # type: ignore[arg-type]

    def watching(self, agent_id: SpiffeId, acknowledged: Position | None) -> Session:
        session = self.watchers.open(agent_id)
        session.dirty, session.sent, session.acknowledged = True, at(1), acknowledged
        return session


@pytest.fixture
def world() -> World:
    return World()


def test_an_agent_that_watches_is_believed_and_nothing_else(world: World) -> None:
    session = world.watching(ONE, at(4))
    world.marks.fetched_entries(ONE)
    world.marks.fetched_bundle(ONE)
    assert world.arrivals.of(ONE, at(5)) is Arrival.PENDING
    session.acknowledged = at(5)
    assert world.arrivals.of(ONE, at(5)) is Arrival.READY


def test_agents_without_a_position_are_numbered(world: World) -> None:
    world.marks.seen(ONE)
    world.watching(TWO, at(4))
    assert (world.arrivals.pending(at(4)), world.arrivals.everywhere(at(4))) == (1, False)
    assert world.arrivals.pending(at(5)) == 2
    world.clock.step(GONE_AFTER + 1)
    assert (world.arrivals.pending(at(4)), world.arrivals.everywhere(at(4))) == (0, True)


def test_an_agent_that_polls_has_what_it_fetched(world: World) -> None:
    world.marks.fetched_entries(ONE)
    assert world.arrivals.of(ONE, at(5)) is Arrival.PENDING
    world.marks.fetched_bundle(ONE)
    assert world.arrivals.of(ONE, at(5)) is Arrival.DELIVERED
    assert world.arrivals.of(ONE, at(6)) is Arrival.PENDING


def test_the_silent_are_gone(world: World) -> None:
    world.marks.seen(ONE)
    world.clock.step(GONE_AFTER)
    assert world.arrivals.of(ONE, at(5)) is Arrival.PENDING
    world.clock.step(1)
    assert world.arrivals.of(ONE, at(5)) is Arrival.GONE
    assert world.arrivals.of(TWO, at(5)) is Arrival.GONE  # never seen since the start
    assert world.arrivals.of(TWO, at(5), since=world.clock.unix()) is Arrival.PENDING


def test_a_position_of_another_history_is_nowhere(world: World) -> None:
    world.watching(ONE, at(9, b"x" * 16))
    assert world.arrivals.of(ONE, at(5)) is Arrival.PENDING


def test_everywhere_is_when_nobody_is_pending(world: World) -> None:
    session = world.watching(ONE, at(4))
    world.marks.seen(TWO)
    world.clock.step(GONE_AFTER + 1)  # the second is gone
    assert not world.arrivals.everywhere(at(5))
    session.acknowledged = at(5)
    assert world.arrivals.everywhere(at(5))


def test_nothing_is_everywhere_before_this_server_has_it(world: World) -> None:
    world.clock.step(GONE_AFTER + 1)
    assert world.arrivals.everywhere(at(5))
    assert not world.arrivals.everywhere(at(6))


def test_without_agents_it_is_everywhere(world: World) -> None:
    for agent_id in (ONE, TWO):
        world.follower.index.drop_agent(agent_id)
    assert world.arrivals.everywhere(at(5))
