"""Time: the system's clock, and the clock that tests move by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

import pytest

from finial.runtime import clock as clock_module
from finial.runtime.clock import LONGEST_NAP, Clock, SystemClock, until_set_back
from finial.runtime.tasks import Tasks
from finial.testing.clock import START, VirtualClock


def test_the_system_clock_is_aware_utc_and_agrees_with_itself() -> None:
    clock: Clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now().timestamp() - clock.unix()) < 1
    assert clock.monotonic() <= clock.monotonic()


def test_wait_until_a_past_moment_returns_at_once() -> None:
    clock = SystemClock()
    asyncio.run(asyncio.wait_for(clock.wait_until(clock.now() - timedelta(hours=1)), 1))
    asyncio.run(asyncio.wait_for(clock.sleep(-1), 1))


def test_wait_until_looks_again_after_a_nap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine slept: the wall clock is past the moment although the loop's time hardly moved."""
    monkeypatch.setattr(clock_module, "LONGEST_NAP", 0.001)
    clock = SystemClock()
    start = clock.now()
    moments = [start, start, start + timedelta(hours=2)]
    monkeypatch.setattr(clock, "now", lambda: moments.pop(0))
    asyncio.run(asyncio.wait_for(clock.wait_until(start + timedelta(hours=1)), 1))
    assert not moments


def test_a_clock_that_is_set_back_is_noticed_and_one_that_is_slewed_or_set_ahead_is_not() -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with Tasks() as tasks:
            noticed = tasks.start(until_set_back(clock))
            for seconds in (-0.5, 3600):
                clock.step(seconds)
                await clock.advance(LONGEST_NAP)
                assert not noticed.done()
            clock.step(-3605)
            await clock.advance(LONGEST_NAP)
            assert noticed.done()

    asyncio.run(main())


def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    async def main() -> None:
        clock = VirtualClock()
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            woken.append((name, clock.monotonic()))
            if name == "first":
                await sleeper("child of first", 1)

        async with asyncio.TaskGroup() as group:
            for name, seconds in (("last", 30), ("first", 5), ("tie", 6)):
                group.create_task(sleeper(name, seconds))
            await clock.advance(60)
            assert woken == [("first", 5), ("tie", 6), ("child of first", 6), ("last", 30)]
            assert clock.now() == START + timedelta(seconds=60)

    asyncio.run(main())


def test_time_does_not_pass_by_itself() -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(clock.wait_until(START + timedelta(hours=1)))
            await clock.wait_for_sleepers(1)
            await clock.advance(3599)
            assert not task.done()
            assert clock.sleepers == 1
            await clock.advance_to(START + timedelta(hours=1))
            assert task.done()

    asyncio.run(main())


def test_a_cancelled_sleeper_is_forgotten() -> None:
    async def main() -> None:
        clock = VirtualClock()
        task = asyncio.create_task(clock.sleep(10))
        await clock.settle()
        task.cancel()
        await clock.settle()
        assert clock.sleepers == 0
        await clock.advance(20)
        assert clock.monotonic() == 20

    asyncio.run(main())


def test_a_step_of_the_wall_clock_leaves_distances_alone() -> None:
    async def main() -> None:
        clock = VirtualClock()
        clock.step(-3600)
        assert clock.now() == START - timedelta(hours=1)
        assert clock.monotonic() == 0

    asyncio.run(main())
