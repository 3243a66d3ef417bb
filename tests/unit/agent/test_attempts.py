"""Why there is no new SVID, and until when an entry is left alone."""

from __future__ import annotations

import asyncio

import pytest

from finial.agent.attempts import Attempts
from finial.errors import Internal, Unavailable
from finial.runtime.tasks import Tasks


def test_a_failure_is_told_until_an_attempt_goes_well() -> None:
    async def scenario() -> None:
        attempts, away = Attempts(), Unavailable("away")
        assert attempts.failure(["a"]) is None
        with pytest.raises(Unavailable), attempts.attempt():
            raise away
        assert attempts.failure(["a"]) is away
        with attempts.attempt():
            pass
        assert attempts.failure(["a"]) is None

    asyncio.run(scenario())


def test_a_refusal_is_that_of_one_entry_and_passes() -> None:
    async def scenario() -> None:
        attempts, why = Attempts(), Internal("no")
        attempts.refuse("a", why, until=5.0)
        assert attempts.failure(["b", "a"]) is why
        assert attempts.failure(["b"]) is None
        assert attempts.ends == [5.0]
        assert attempts.refused(4.9) == {"a"}
        assert attempts.refused(5.0) == frozenset()
        assert attempts.failure(["a"]) is None

    asyncio.run(scenario())


def test_who_waits_is_woken_by_the_end_of_one_attempt_and_waits_for_the_next_one_anew() -> None:
    async def scenario() -> None:
        attempts = Attempts()
        async with Tasks() as tasks:
            for _ in range(2):
                waiting = tasks.start(attempts.ended())
                await asyncio.sleep(0)
                assert not waiting.done()
                with attempts.attempt():
                    pass
                await waiting

    asyncio.run(scenario())
