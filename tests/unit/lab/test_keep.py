from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, Unavailable
from finial.lab import keep, process
from finial.lab.keep import Kept, until_ready
from finial.lab.process import Child
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.tasks import Tasks

CLOCK = SystemClock()
SLEEP = ("-S", "-c", "import signal; signal.pause()")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "FIRST_PAUSE", 0.01)


class Starts:
    """Starts a process, or fails as often as it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.failures, self.count = folder, 0, 0

    async def __call__(self) -> Child:
        self.count += 1
        if self.failures:
            self.failures -= 1
            raise OSError("disk full") if self.failures else Unavailable("not today")
        return process.start("x", SLEEP, self.folder / "x.log")


def kept(starts: Starts) -> Kept:
    return Kept("x", starts, CLOCK, Logger(Output(io.StringIO(), now=CLOCK.now)))


async def until_up_again(one: Kept, before: Child) -> Child:
    async with asyncio.timeout(10):
        while one.child is None or one.child is before:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return one.child


def test_what_ends_is_started_again_also_after_failures(tmp_path: Path) -> None:
    async def scenario() -> None:
        starts = Starts(tmp_path)
        one = kept(starts)
        await one.begin()
        assert one.up.is_set()
        first = one.child
        assert first is not None
        starts.failures = 2
        async with Tasks() as tasks:
            tasks.start(one.keep())
            os.kill(first.started.pid, signal.SIGKILL)
            second = await until_up_again(one, first)
            assert second.started != first.started
        assert (one.restarts, one.problem, starts.count) == (1, "", 4)
        await one.end()
        assert one.child is None
        assert not one.up.is_set()
        assert not process.alive(second.started)

    asyncio.run(scenario())


def test_the_first_failure_is_the_callers(tmp_path: Path) -> None:
    async def scenario() -> None:
        starts = Starts(tmp_path)
        starts.failures = 1
        one = kept(starts)
        with pytest.raises(Unavailable, match="not today"):
            await one.begin()
        assert not one.up.is_set()
        await one.end()

    asyncio.run(scenario())


def test_ready_is_asked_until_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", SLEEP, tmp_path / "x.log")
        asked = 0

        async def check() -> None:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise Unavailable("not yet")

        await until_ready(child, check, CLOCK, 10)
        assert asked == 3
        await child.end()

    asyncio.run(scenario())


async def never() -> None:
    raise Unavailable("not yet")


def test_a_process_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", ("-S", "-c", "raise SystemExit('no way')"), tmp_path / "x.log")
        with pytest.raises(FailedPrecondition, match="x ended with code 1: no way"):
            await until_ready(child, never, CLOCK, 10)
        child.close()

    asyncio.run(scenario())


def test_patience_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", SLEEP, tmp_path / "x.log")
        with pytest.raises(FailedPrecondition, match=r"x is not ready after 0\.05 s: not yet"):
            await until_ready(child, never, CLOCK, 0.05)
        await child.end()

    asyncio.run(scenario())
