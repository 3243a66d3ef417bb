"""A delay runs from the oldest change that an agent lacks to its word for it."""

from __future__ import annotations

from finial.server.propagation import MOST_TOLD, Delays, delays_of
from finial.store import Position
from finial.testing.metrics import told, unread

EPOCH = b"\0" * 16
COUNT, SUM = "finial_propagation_seconds_count", "finial_propagation_seconds_sum"


def at(number: int, epoch: bytes = EPOCH) -> Position:
    return Position(epoch, number)


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.metrics = unread()
        self.delays: Delays = delays_of(self.metrics, lambda: self.now)()

    def measured(self) -> tuple[float, float]:
        counted = told(self.metrics)
        return counted[COUNT], counted[SUM]


def test_changes_of_one_message_are_one_delay_from_the_oldest() -> None:
    world = World()
    world.delays.changed()
    world.now += 2
    world.delays.changed()
    world.delays.told(at(2))
    world.now += 1
    world.delays.in_force(at(2))
    world.delays.in_force(at(2))
    assert world.measured() == (1, 3)


def test_an_old_word_ends_no_newer_delay_and_a_new_one_ends_all() -> None:
    world = World()
    for number in (1, 2):
        world.delays.changed()
        world.delays.told(at(number))
    world.now += 1
    world.delays.in_force(at(0))
    world.delays.in_force(at(1, b"\1" * 16))
    assert world.measured() == (0, 0)
    world.delays.in_force(at(2))
    assert world.measured() == (2, 2)


def test_what_needs_no_message_is_no_delay() -> None:
    world = World()
    world.delays.told(at(1))  # the first state of a session
    world.delays.changed()
    world.delays.unchanged()
    world.delays.told(at(2))
    world.delays.in_force(at(2))
    assert world.measured() == (0, 0)


def test_an_agent_that_says_nothing_costs_little() -> None:
    world = World()
    for number in range(MOST_TOLD * 2):
        world.delays.changed()
        world.delays.told(at(number))
    assert len(world.delays.awaited) == MOST_TOLD
