from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from finial.client.background import Background
from finial.errors import DeadlineExceeded, FailedPrecondition, NotFound


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background("test loop")
    yield made
    made.close()


async def thread_name() -> str:
    return threading.current_thread().name


def test_work_is_done_in_a_thread_of_its_own(background: Background) -> None:
    assert background.call(thread_name()) == "test loop"


def test_what_the_work_raises_is_raised_here(background: Background) -> None:
    async def fail() -> None:
        raise NotFound("not there")

    with pytest.raises(NotFound, match="not there"):
        background.call(fail())


def test_late_work_is_cancelled(background: Background) -> None:
    cancelled = threading.Event()

    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(DeadlineExceeded, match="test loop: no answer within 0.01 s"):
        background.call(late(), 0.01)
    assert cancelled.wait(5)


def test_a_timeout_of_the_work_itself_stays_one(background: Background) -> None:
    async def late() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        background.call(late(), 5)


def test_a_call_from_the_own_thread_is_refused(background: Background) -> None:
    async def nested() -> None:
        background.call(thread_name())

    with pytest.raises(FailedPrecondition, match="called from its own thread"):
        background.call(nested())


def test_closing_cancels_what_runs_and_ends_the_thread() -> None:
    background = Background("short lived")
    running = background.start(asyncio.Event().wait())
    background.close()
    background.close()
    assert running.cancelled()
    assert background.closed
    assert "short lived" not in [one.name for one in threading.enumerate()]
    with pytest.raises(FailedPrecondition, match="short lived: closed"):
        background.call(thread_name())
