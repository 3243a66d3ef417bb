from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from finial.errors import ResourceExhausted
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.tasks import Tasks
from finial.server.authorized import AuthorizedIndex
from finial.server.follow import Applied
from finial.server.watch import CROWD, MOST, Watchers
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position
from finial.testing.clock import VirtualClock
from finial.testing.metrics import unread

DOMAIN, OTHER = TrustDomain("example.org"), TrustDomain("other.test")


def at(number: int) -> Position:
    return Position(b"e" * 16, number)


class View:
    def __init__(self) -> None:
        self.bundles = {DOMAIN: Bundle(DOMAIN), OTHER: Bundle(OTHER)}


class Follower:
    """What a session reads of the real one, without a database."""

    trust_domain = DOMAIN

    def __init__(self) -> None:
        self.index, self.view = AuthorizedIndex(), View()
        self.told: Callable[[Applied], None] = print

    def subscribe(self, subscriber: Callable[[Applied], None]) -> None:
        self.told = subscriber


def agent(number: int) -> SpiffeId:
    return SpiffeId(DOMAIN, f"/spire/agent/t/{number}")


def entry(name: str, parent: SpiffeId, *federates_with: TrustDomain) -> Entry:
    return Entry(
        name, SpiffeId(DOMAIN, f"/{name}"), parent, (Selector("a", "b"),), federates_with=federates_with
    )


def watch(scene: Callable[[Follower, Watchers, VirtualClock], Awaitable[None]]) -> None:
    async def run() -> None:
        follower, clock = Follower(), VirtualClock()
        async with Tasks() as tasks:
            await scene(follower, Watchers(follower, clock, tasks, unread(clock)), clock)  # type: ignore[arg-type]

    asyncio.run(run())


def test_a_session_is_told_the_difference() -> None:
    async def scene(follower: Follower, watchers: Watchers, clock: VirtualClock) -> None:
        follower.index.put_entry(entry("one", agent(1), OTHER), 1)
        session = watchers.open(agent(1))
        first = session.take(follower)  # type: ignore[arg-type]
        assert [one.id for one in first.entries] == ["one"]
        assert [one.trust_domain for one in first.bundles] == [DOMAIN, OTHER]
        follower.index.drop_entry("one")
        follower.index.put_entry(entry("two", agent(1)), 2)
        second = session.take(follower)  # type: ignore[arg-type]
        assert [one.id for one in second.entries] == ["two"]
        assert second.withdrawn == ["one"]
        assert second.withdrawn_bundles == [OTHER]
        assert not session.take(follower)  # type: ignore[arg-type]

    watch(scene)


def test_only_those_concerned_are_woken() -> None:
    async def scene(follower: Follower, watchers: Watchers, clock: VirtualClock) -> None:
        mine, other = watchers.open(agent(1)), watchers.open(agent(2))
        for session in (mine, other):
            session.take(follower)  # type: ignore[arg-type]
        follower.told(Applied(at(1), agents=frozenset({agent(1), agent(7)})))
        assert mine.wake.is_set()
        assert mine.dirty
        assert not other.wake.is_set()
        follower.told(Applied(at(2), bundles=frozenset({DOMAIN})))
        assert other.wake.is_set()

    watch(scene)


def test_a_closed_session_is_gone() -> None:
    async def scene(follower: Follower, watchers: Watchers, clock: VirtualClock) -> None:
        session = watchers.open(agent(1))
        assert len(watchers) == 1
        watchers.close(session)
        assert len(watchers) == 0
        follower.told(Applied(at(1), agents=frozenset({agent(1)})))
        assert not session.wake.is_set()

    watch(scene)


def test_a_crowd_is_let_out_over_two_seconds_and_whose_svid_ends_first_is_first() -> None:
    async def scene(follower: Follower, watchers: Watchers, clock: VirtualClock) -> None:
        count = 3 * CROWD
        for number in range(count):
            follower.index.put_agent(Agent(agent(number), "t", "1", expires_at=count - number), number)
        sessions = [watchers.open(agent(number)) for number in range(count)]
        follower.told(Applied(at(1), everything=True))
        await clock.settle()
        assert sum(one.wake.is_set() for one in sessions) == CROWD
        assert sessions[-1].wake.is_set()
        assert not sessions[0].wake.is_set()
        await clock.advance(2)
        assert all(one.wake.is_set() for one in sessions)

    watch(scene)


def test_in_force_is_what_was_acknowledged_or_did_not_concern_the_agent() -> None:
    async def scene(follower: Follower, watchers: Watchers, clock: VirtualClock) -> None:
        session = watchers.open(agent(1))
        assert not session.in_force(at(1), at(1))
        session.take(follower)  # type: ignore[arg-type]
        session.sent = at(3)
        assert not session.in_force(at(3), at(3))
        session.acknowledged = at(3)
        assert session.in_force(at(2), at(3))
        assert session.in_force(at(9), at(9))  # nothing to tell since
        session.tell()
        assert not session.in_force(at(9), at(9))

    watch(scene)


def test_an_agent_may_open_few_sessions_and_another_after_one_has_ended() -> None:
    async def scene(follower: Follower, watchers: Watchers, clock: VirtualClock) -> None:
        sessions = [watchers.open(agent(1)) for _ in range(MOST)]
        with pytest.raises(ResourceExhausted):
            watchers.open(agent(1))
        watchers.open(agent(2))
        watchers.close(sessions[0])
        watchers.open(agent(1))

    watch(scene)
