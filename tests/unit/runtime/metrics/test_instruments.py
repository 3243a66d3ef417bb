"""What each instrument keeps, and how a call ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from hypothesis import given
from hypothesis import strategies as st

from finial.errors import NotFound, PermissionDenied, Unsupported
from finial.runtime.metrics.instruments import KEPT, Calls, Counter, Gauge, Histogram, Sample, status_of


class Hand:
    """A clock's hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_counter_grows_and_tells_by_how_much() -> None:
    told: list[float] = []
    counter = Counter([told.append])
    counter.add()
    counter.add(3)
    assert counter.value == 4
    assert told == [1, 3]


def test_a_gauge_is_set_moved_or_read() -> None:
    told: list[float] = []
    gauge = Gauge([told.append])
    gauge.set(5)
    gauge.add(-2)
    assert (gauge.value, told) == (3, [5, 3])
    gauge.read(lambda: 42.0)
    gauge.push()
    assert (gauge.value, told) == (42, [5, 3, 42])


def test_quantiles_are_of_the_last_ten_seconds() -> None:
    hand = Hand()
    sample = Sample(hand)
    for value in range(1, 101):
        sample.add(value)
    assert dict(sample.quantiles()) == {0.5: 50, 0.9: 90, 0.99: 99}
    hand.at += 11
    assert all(math.isnan(value) for _, value in sample.quantiles())
    sample.add(7)
    assert dict(sample.quantiles()) == {0.5: 7, 0.9: 7, 0.99: 7}
    assert (sample.count, sample.sum) == (101, 5057)


def test_sinks_are_told_what_is_read_unless_there_is_none() -> None:
    told: list[float] = []
    gauge, left = Gauge([told.append]), [7.0, math.nan, 3.0]
    gauge.read(lambda: left.pop(0))
    for _ in range(3):
        gauge.push()
    assert told == [7, 3]


def test_a_flood_of_samples_keeps_the_newest() -> None:
    sample = Sample(Hand())
    for value in range(KEPT * 3):
        sample.add(value)
    assert min(value for _, value in sample.quantiles()) >= KEPT * 2
    assert sample.count == KEPT * 3


@given(st.lists(st.floats(0, 100)))
def test_buckets_count_what_is_at_most_their_bound(values: list[float]) -> None:
    histogram = Histogram((1, 10, 50))
    for value in values:
        histogram.add(value)
    assert list(histogram.cumulative()) == [
        (bound, sum(value <= bound for value in values)) for bound in (1, 10, 50, math.inf)
    ]
    assert histogram.count == len(values)


def calls(hand: Hand) -> tuple[Calls, dict[str, tuple[Counter, Sample]]]:
    opened: dict[str, tuple[Counter, Sample]] = {}

    def open_status(status: str) -> Callable[[float], None]:
        count, took = opened.setdefault(status, (Counter(), Sample(hand)))

        def keep(seconds: float) -> None:
            count.add()
            took.add(seconds)

        return keep

    return Calls(open_status, hand), opened


def test_a_call_is_kept_by_its_status() -> None:
    hand = Hand()
    counted, opened = calls(hand)
    with counted.measured():
        hand.at += 0.25
    with pytest.raises(NotFound), counted.measured():
        raise NotFound("no such entry")
    counted.done("OK", 0.5)
    assert {status: counter.value for status, (counter, _) in opened.items()} == {"OK": 2, "NotFound": 1}
    assert opened["OK"][1].sum == 0.75


def test_a_call_that_was_left_ended_as_its_kind_says() -> None:
    counted, opened = calls(Hand())
    for left in ({}, {"left": "OK"}):
        with pytest.raises(asyncio.CancelledError), counted.measured(**left):
            raise asyncio.CancelledError
    assert {status: counter.value for status, (counter, _) in opened.items()} == {"Canceled": 1, "OK": 1}


class OfOurs(NotFound):
    """A kind of a kind."""


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (PermissionDenied("no"), "PermissionDenied"),
        (OfOurs("no"), "NotFound"),
        (Unsupported("no"), "Unimplemented"),
        (GRPCError(Status.RESOURCE_EXHAUSTED), "ResourceExhausted"),
        (ValueError(), "Internal"),
        (asyncio.CancelledError(), "Canceled"),
    ],
)
def test_ends_have_grpcs_names(error: BaseException, name: str) -> None:
    assert status_of(error) == name
