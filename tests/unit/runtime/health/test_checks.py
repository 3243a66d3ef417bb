"""Checks in the background: SPIRE's intervals, what goes out, what is logged."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest

from finial.errors import AlreadyExists, FailedPrecondition, Unavailable
from finial.runtime.health import Checks, State
from finial.runtime.health import checks as checks_module
from finial.runtime.log import Logger, Output
from finial.testing.clock import VirtualClock

WELL = State(True, True, {}, {})
UNREADY = State(True, False, {}, {"make_new_x509_err": "workload api is unavailable"})
DEAD = State(False, False, {"err": "x"}, {"err": "x"})


class Place:
    def __init__(self) -> None:
        self.clock, self.stream = VirtualClock(), io.StringIO()
        self.checks = Checks(self.clock, Logger(Output(self.stream, now=self.clock.now, strict=True)))
        self.calls = 0
        self.state = WELL
        self.checks.add("agent", self.check)

    async def check(self) -> State:
        self.calls += 1
        return self.state

    @property
    def lines(self) -> list[str]:
        return [line.partition(" level=")[2] for line in self.stream.getvalue().splitlines()]


def run(scenario: Callable[[Place], Awaitable[None]]) -> None:
    async def body() -> None:
        place = Place()
        task = asyncio.ensure_future(place.checks.run())
        try:
            await scenario(place)
        finally:
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(body())


def test_before_the_first_check_nothing_is_well() -> None:
    place = Place()
    assert place.checks.live() == (False, {"agent": None})
    assert place.checks.ready() == (False, {"agent": None})


def test_checked_each_second_until_ready_and_then_each_minute() -> None:
    async def scenario(place: Place) -> None:
        place.state = UNREADY
        await place.clock.advance(2.5)
        assert place.calls == 3
        place.state = WELL
        await place.clock.advance(0.5)
        assert place.calls == 4
        await place.clock.advance(59)
        assert place.calls == 4
        await place.clock.advance(1)
        assert place.calls == 5

    run(scenario)


def test_answers_come_from_memory() -> None:
    async def scenario(place: Place) -> None:
        await place.clock.settle()
        place.state = DEAD
        assert place.checks.live() == (True, {"agent": {}})
        await place.clock.advance(60)
        assert place.checks.live() == (False, {"agent": {"err": "x"}})

    run(scenario)


def test_live_and_ready_are_told_apart() -> None:
    async def scenario(place: Place) -> None:
        place.state = UNREADY
        await place.clock.settle()
        await place.clock.advance(1)
        assert place.checks.live() == (True, {"agent": {}})
        assert place.checks.ready() == (False, {"agent": UNREADY.ready_details})

    run(scenario)


def test_one_that_is_ill_makes_the_whole_ill() -> None:
    async def scenario(place: Place) -> None:
        async def ill() -> State:
            return DEAD

        place.checks.add("server.ca", ill)
        await place.clock.settle()
        assert place.checks.live() == (False, {"agent": {}, "server.ca": {"err": "x"}})

    run(scenario)


def test_check_that_raises_is_ill_and_the_others_go_on() -> None:
    async def scenario(place: Place) -> None:
        async def broken() -> State:
            raise Unavailable("database is away")

        place.checks.add("catalog.datastore", broken)
        await place.clock.settle()
        well, details = place.checks.ready()
        assert not well
        assert details == {"agent": {}, "catalog.datastore": {"check_err": "database is away"}}

    run(scenario)


def test_check_that_hangs_is_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks_module, "CHECK_TIMEOUT", 0.01)

    async def body() -> None:
        place = Place()

        async def hanging() -> State:
            await asyncio.Event().wait()
            return WELL

        place.checks.add("server", hanging)
        await place.checks.refresh()
        assert place.checks.live()[1] == {"agent": {}, "server": {"check_err": "no answer within 0 s"}}

    asyncio.run(body())


def test_failure_and_recovery_are_logged_in_spires_words() -> None:
    async def scenario(place: Place) -> None:
        place.state = UNREADY
        await place.clock.settle()
        await place.clock.advance(1)
        place.state = WELL
        await place.clock.advance(1)
        assert [line.replace("duration=2.0", "duration=2") for line in place.lines] == [
            'error msg="Health check has failed" check=agent error="subsystem is not ready"',
            'warning msg="Health check failed" check=agent error="subsystem is not ready"',
            'error msg="Health check has failed" check=agent error="subsystem is not ready"',
            'info msg="Health check recovered" check=agent duration=2 error="subsystem is not ready" failures=2',
        ]

    run(scenario)


def test_program_that_still_starts_says_so_once() -> None:
    async def scenario(place: Place) -> None:
        place.state = State(True, False, {}, {}, started=False)
        await place.clock.advance(3)
        told = [line for line in place.lines if "Starting up still" in line]
        assert told == [
            'warning msg="Health check has failed. Starting up still." check=agent error="subsystem is not ready"'
        ]

    run(scenario)


@pytest.mark.parametrize(
    ("live", "ready", "fault"),
    [
        (True, True, ""),
        (True, False, "subsystem is not ready"),
        (False, True, "subsystem is not live"),
        (False, False, "subsystem is not live or ready"),
    ],
)
def test_fault_is_named(live: bool, ready: bool, fault: str) -> None:
    assert State(live, ready).fault == fault


def test_name_is_taken_once() -> None:
    place = Place()
    with pytest.raises(AlreadyExists, match='check "agent" has already been added'):
        place.checks.add("agent", place.check)


def test_nothing_to_check_is_an_error() -> None:
    checks = Checks(VirtualClock(), Place().checks._log)
    with pytest.raises(FailedPrecondition, match="no health checks defined"):
        asyncio.run(checks.run())
