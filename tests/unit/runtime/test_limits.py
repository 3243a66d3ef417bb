"""Token buckets against a plain model, and a limiter on a clock that stands still."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finial.errors import ResourceExhausted
from finial.runtime.limits import RateLimiter, TokenBucket
from finial.testing.clock import VirtualClock


def test_burst_is_free_and_the_next_waits() -> None:
    bucket = TokenBucket(10, 10, now=0)
    assert bucket.take(10, 0) == 0
    assert bucket.take(1, 0) == pytest.approx(0.1)
    assert bucket.take(5, 0) == pytest.approx(0.6)


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    bucket = TokenBucket(10, 10, now=0)
    bucket.take(10, 0)
    assert bucket.take(5, 0.5) == 0
    assert bucket.take(10, 1000) == 0
    assert bucket.take(1, 1000) > 0


def test_more_than_the_burst_is_refused_in_spires_words() -> None:
    bucket = TokenBucket(500, 500, now=0)
    with pytest.raises(ResourceExhausted, match=r"^rate \(501\) exceeds burst size \(500\)$"):
        bucket.take(501, 0)
    assert bucket.take(500, 0) == 0  # nothing was taken


def test_wait_beyond_the_deadline_is_refused_and_takes_nothing() -> None:
    bucket = TokenBucket(1, 1, now=0)
    bucket.take(1, 0)
    with pytest.raises(ResourceExhausted, match=r"^rate: Wait\(n=1\) would exceed context deadline$"):
        bucket.take(1, 0, patience=0.5)
    assert bucket.take(1, 0, patience=1) == 1


def test_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = TokenBucket(1, 1, now=10)
    bucket.take(1, 10)
    assert bucket.take(1, 5) == 1


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), max_size=40),
)
def test_in_no_second_more_than_twice_the_rate_is_let_through(
    rate: int, calls: list[tuple[float, int]]
) -> None:
    bucket, now, due = TokenBucket(rate, rate, 0), 0.0, list[tuple[float, int]]()
    for pause, count in calls:
        now += pause
        if count <= rate:
            due.append((now + bucket.take(count, now), count))
    for start, _ in due:
        inside = sum(count for moment, count in due if start <= moment < start + 1)
        assert inside <= 2 * rate + rate * 1e-6 * len(due)


def test_limiter_holds_back_and_lets_go_in_time() -> None:
    async def scenario() -> None:
        clock, done = VirtualClock(), list[int]()
        limiter = RateLimiter(1, clock)

        async def call(number: int) -> None:
            await limiter.wait("192.0.2.1")
            done.append(number)

        calls = [asyncio.ensure_future(call(number)) for number in range(3)]
        await clock.settle()
        assert done == [0]
        await clock.advance(1)
        assert done == [0, 1]
        await clock.advance(1)
        assert done == [0, 1, 2]
        await asyncio.gather(*calls)

    asyncio.run(scenario())


def test_callers_do_not_wait_for_each_other() -> None:
    async def scenario() -> None:
        limiter = RateLimiter(1, VirtualClock())
        await limiter.wait("192.0.2.1")
        await limiter.wait("192.0.2.2")

    asyncio.run(scenario())


def test_deadline_is_judged_before_waiting() -> None:
    async def scenario() -> None:
        limiter = RateLimiter(1, VirtualClock())
        await limiter.wait("a")
        with pytest.raises(ResourceExhausted, match="would exceed context deadline"):
            await limiter.wait("a", timeout=0.9)

    asyncio.run(scenario())


def test_caller_that_leaves_gives_its_place_back() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        limiter = RateLimiter(1, clock)
        await limiter.wait("a")
        leaving = asyncio.ensure_future(limiter.wait("a"))
        await clock.settle()
        leaving.cancel()
        await clock.settle()
        staying = asyncio.ensure_future(limiter.wait("a", timeout=1))
        await clock.advance(1)
        await staying

    asyncio.run(scenario())


def test_number_of_callers_kept_is_bounded_and_the_busiest_stay() -> None:
    async def scenario() -> None:
        limiter = RateLimiter(5, VirtualClock(), max_keys=3)
        for name in ("busy", "a", "b", "busy", "c", "busy", "d"):
            await limiter.wait(name)
        assert len(limiter) == 3
        with pytest.raises(ResourceExhausted):
            await limiter.wait("busy", 3, timeout=0)

    asyncio.run(scenario())


def test_a_call_that_may_not_wait_is_allowed_or_not_at_once() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(2, clock)
    assert [limiter.allow("a") for _ in range(3)] == [True, True, False]
    assert limiter.allow("b")
    asyncio.run(clock.advance(0.5))
    assert [limiter.allow("a") for _ in range(2)] == [True, False]
