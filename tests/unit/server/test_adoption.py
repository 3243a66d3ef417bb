"""Agents that lack the newest authority are counted, and not more often than need be."""

from __future__ import annotations

from typing import Any, cast

from finial.server.adoption import COUNTED_FOR, Adoption
from finial.store import Position

FIRST, SECOND = Position(b"\0" * 16, 1), Position(b"\0" * 16, 2)


class World:
    """What is read of arrivals, of authorities and of the clock."""

    def __init__(self) -> None:
        self.published: Position | None = None
        self.published_for = 7.0
        self.lacking, self.asked, self.now = 3, 0, 100.0
        self.adoption = Adoption(cast(Any, self), cast(Any, self), cast(Any, self))

    def pending(self, _: Position) -> int:
        self.asked += 1
        return self.lacking

    def monotonic(self) -> float:
        return self.now


def test_before_the_first_authority_nobody_lacks_it() -> None:
    world = World()
    assert (world.adoption.pending(), world.adoption.lag(), world.asked) == (0, 0, 0)


def test_while_an_agent_lacks_it_its_age_is_the_lag() -> None:
    world = World()
    world.published = FIRST
    assert (world.adoption.pending(), world.adoption.lag()) == (3, 7)
    assert world.asked == 1, "one answer serves both"
    world.lacking = 1
    world.now += COUNTED_FOR
    assert world.adoption.pending() == 1


def test_once_all_have_it_nobody_is_asked_until_there_is_another() -> None:
    world = World()
    world.published, world.lacking = FIRST, 0
    assert (world.adoption.pending(), world.adoption.lag()) == (0, 0)
    world.now += 100
    world.lacking = 2
    assert (world.adoption.pending(), world.asked) == (0, 1)
    world.published = SECOND
    assert (world.adoption.pending(), world.asked) == (2, 2)
