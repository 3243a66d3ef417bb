from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest

from finial.client.background import Background
from finial.client.pyspiffe.errors import WorkloadApiError
from finial.client.pyspiffe.streams import NO_RETRY, RetryPolicy, StreamCancelHandler, Watch
from finial.errors import FinialError, InvalidArgument, PermissionDenied, Unavailable

QUICK = RetryPolicy(base_backoff_in_seconds=0.001, max_backoff=0.001)
News = queue.SimpleQueue[Any]


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background("test loop")
    yield made
    made.close()


def watch(
    tries: list[list[int] | FinialError], retry: RetryPolicy, news: News, **options: Any
) -> Watch[int, int]:
    """Each stream delivers the next list and ends, or fails."""
    left = iter(tries)

    async def stream() -> AsyncGenerator[int, None]:
        found = next(left, Unavailable("over"))
        if isinstance(found, FinialError):
            raise found
        for one in found:
            yield one

    return Watch(stream, options.get("convert", int), options.get("on_success", news.put), news.put, retry)


def test_a_stream_that_breaks_is_opened_again(background: Background) -> None:
    news: News = queue.SimpleQueue()
    tries: list[list[int] | FinialError] = [
        [1],
        Unavailable("away"),
        PermissionDenied("no identity issued"),
        [2],
    ]
    handler = watch(tries, QUICK, news).start(background)
    assert [news.get(timeout=5), news.get(timeout=5)] == [1, 2]
    handler.cancel()
    assert handler.is_cancelled()
    assert news.empty()


def test_retries_in_a_row_are_counted(background: Background) -> None:
    news: News = queue.SimpleQueue()
    twice = RetryPolicy(max_retries=2, base_backoff_in_seconds=0.001)
    away = Unavailable("away")
    watch([away, [1], away, away, away], twice, news).start(background)
    assert news.get(timeout=5) == 1
    failed = news.get(timeout=5)
    assert isinstance(failed, WorkloadApiError)
    assert str(failed) == "away"


@pytest.mark.parametrize(
    ("tries", "retry", "text"),
    [
        ([InvalidArgument("malformed")], QUICK, "malformed"),
        ([Unavailable("away")], NO_RETRY, "away"),
        ([[]], NO_RETRY, "Workload API stream ended unexpectedly"),
    ],
)
def test_some_ends_are_final(
    background: Background, tries: list[list[int] | FinialError], retry: RetryPolicy, text: str
) -> None:
    news: News = queue.SimpleQueue()
    watch(tries, retry, news).start(background)
    assert str(news.get(timeout=5)) == text


def test_a_callback_that_raises_ends_the_stream_and_one_may_call_back(background: Background) -> None:
    news: News = queue.SimpleQueue()

    async def answer() -> str:
        return "asked"

    def on_success(_: int) -> None:
        news.put(background.call(answer()))
        raise ValueError("the callback's own")

    watch([[1, 2]], QUICK, news, on_success=on_success).start(background)
    assert news.get(timeout=5) == "asked"
    assert str(news.get(timeout=5)) == "the callback's own"


def test_cancelling_ends_a_stream_that_waits(background: Background) -> None:
    opened, closed = threading.Event(), threading.Event()

    async def stream() -> AsyncGenerator[int, None]:

        try:
            opened.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            closed.set()

    news: News = queue.SimpleQueue()
    handler = Watch(stream, int, news.put, news.put, QUICK).start(background)
    assert opened.wait(5)
    handler.cancel()
    assert closed.wait(5)
    assert handler.wait_cancelled(0)
    assert news.empty()


def test_what_begins_after_the_cancel_is_cancelled(background: Background) -> None:
    async def forever() -> None:

        await asyncio.Event().wait()

    handler = StreamCancelHandler()
    handler.cancel()
    running = background.start(forever())
    handler.holds(running)
    assert running.cancelled()


def test_the_policy_is_py_spiffes() -> None:
    policy = RetryPolicy(max_retries=3, base_backoff_in_seconds=1, backoff_factor=2, max_backoff=3)
    assert [policy.wait(tries) for tries in (1, 2, 3, 4)] == [1, 2, 3, None]
    assert RetryPolicy().wait(10**6) == 5
    assert NO_RETRY.wait(1) is None
