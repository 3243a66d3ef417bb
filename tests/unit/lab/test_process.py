from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from finial.lab import process
from finial.lab.state import Started

SLEEP = ("-S", "-c", "import signal; print('asleep', flush=True); signal.pause()")
STUBBORN = (
    "-S",
    "-c",
    "import signal; signal.signal(15, signal.SIG_IGN); print('asleep', flush=True); signal.pause()\nsignal.pause()",
)


async def until_said(log: Path, text: str) -> None:
    async with asyncio.timeout(10):
        while text not in log.read_text():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)


def test_a_process_is_started_with_its_log_and_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        log = tmp_path / "x.log"
        log.write_text("before\n")
        child = process.start("x", SLEEP, log)
        await until_said(log, "asleep")
        assert process.alive(child.started)
        started = child.started
        await child.end()
        assert not process.alive(started)
        assert log.read_text() == "before\nasleep\n"
        assert child.process.closed

    asyncio.run(scenario())


def test_its_end_is_told_to_everyone_who_waits(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", ("-S", "-c", "raise SystemExit(3)"), tmp_path / "x.log")
        assert tuple(await asyncio.gather(child.ended(), child.ended())) == (3, 3)
        child.close()

    asyncio.run(scenario())


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", STUBBORN, tmp_path / "x.log")
        await until_said(tmp_path / "x.log", "asleep")
        await child.end(grace=0.05)
        assert child.popen.returncode == -signal.SIGKILL

    asyncio.run(scenario())


def test_a_process_of_somebody_else_is_ended_by_its_start_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", SLEEP, tmp_path / "x.log")
        other = Started(child.started.pid, child.started.start_time + 1)
        assert not process.alive(other)
        assert not await process.end(other)
        assert process.alive(child.started)
        assert await process.end(child.started)
        assert await child.ended() == -signal.SIGTERM
        child.close()

    asyncio.run(scenario())


def test_a_number_that_nobody_has_is_not_alive() -> None:
    assert not process.alive(Started(2**22 + 1, 1))
    found = process.find(Started(os.getpid(), 1))
    assert found is None


def test_descriptors_are_passed_and_the_lifeline_is_given_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        reading, writing = os.pipe()
        child = process.start(
            "x",
            ("-S", "-c", f"import os; os.write({writing}, b'hello')"),
            tmp_path / "x.log",
            pass_fds=(writing,),
        )
        os.close(writing)
        child.lifeline = reading
        await child.ended()
        assert os.read(reading, 10) == b"hello"
        child.close()
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(reading)

    asyncio.run(scenario())


def test_last_words(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("one\ntwo\n\n")
    assert process.last_words(tmp_path / "x.log") == "two"
    (tmp_path / "x.log").write_text("")
    assert process.last_words(tmp_path / "x.log") == "it said nothing"
    assert process.last_words(tmp_path / "none.log") == "it said nothing"


def test_the_interpreter_is_ours(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = process.start("x", ("-S", "-c", "import sys; print(sys.executable)"), tmp_path / "x.log")
        await child.ended()
        child.close()

    asyncio.run(scenario())
    assert (tmp_path / "x.log").read_text().strip() == sys.executable
