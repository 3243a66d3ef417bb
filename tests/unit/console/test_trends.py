"""A day in steps: what is kept, what stays a gap, and how a figure moves."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from finial.console.trends import HOUR, MOST, SPAN, STEP, STEPS, Mark, Trends

START = 1_800_000_000


def test_points_are_means_and_gaps_stay_gaps() -> None:
    trends = Trends()
    for step in (0, 1, 4):
        trends.add("calls", step, START + step * STEP)
    assert trends.points("calls", START, START + 4 * STEP) == [
        (START, 0.0),
        (START + STEP, 1.0),
        (START + 2 * STEP, None),
        (START + 3 * STEP, None),
        (START + 4 * STEP, 4.0),
    ]
    assert trends.points("calls", START, START + 5 * STEP, most=3)[0] == (START, 0.5)
    assert trends.points("unknown", START, START) == [(START, None)]


def test_after_a_day_the_oldest_is_forgotten() -> None:
    trends = Trends()
    trends.add("a", 1, START)
    trends.add("a", 2, START + SPAN)
    assert trends.points("a", START, START) == [(START, None)]
    assert trends.points("a", START + SPAN, START + SPAN) == [(START + SPAN, 2.0)]


def test_a_long_silence_leaves_nothing_old_behind() -> None:
    trends = Trends()
    for step in range(STEPS):
        trends.add("a", 7, START + step * STEP)
    trends.add("a", 9, START + 5 * SPAN)
    known = [
        value for _, value in trends.points("a", START + 4 * SPAN, START + 5 * SPAN, most=STEPS) if value
    ]
    assert known == [9.0]


def test_movement_is_against_the_hour_before() -> None:
    def moved(recent: float) -> Mark:
        trends = Trends()
        for at in range(START, START + HOUR, STEP):
            trends.add("a", 100, at)
        for at in range(START + HOUR, START + HOUR + 300, STEP):
            trends.add("a", recent, at)
        return trends.mark("a", START + HOUR + 299)

    assert [moved(value) for value in (103, 120, 80)] == [Mark.STABLE, Mark.UP, Mark.DOWN]
    assert Trends().mark("a", START) is Mark.UNKNOWN


def test_the_peak_is_the_first_of_the_highest() -> None:
    trends = Trends()
    for step, value in enumerate((1, 5, 2, 5)):
        trends.add("a", value, START + step * STEP)
    assert trends.peak("a", START, START + 3 * STEP) == (START + STEP, 5.0)
    assert trends.peak("b", START, START) is None


def test_series_are_bounded() -> None:
    trends = Trends()
    for number in range(MOST + 5):
        trends.add(str(number), 1, START)
    assert len(list(trends)) == MOST


@given(st.lists(st.tuples(st.integers(0, 3 * SPAN), st.floats(0, 1e6, width=32)), max_size=40))
def test_the_newest_value_of_each_step_of_the_last_day_is_kept(values: list[tuple[int, float]]) -> None:
    trends, expected = Trends(), {}
    for offset, value in sorted(values, key=lambda one: one[0]):
        trends.add("a", value, START + offset)
        expected[(START + offset) // STEP] = value
    newest = max(expected, default=0)
    for step, value in expected.items():
        [(_, found)] = trends.points("a", step * STEP, step * STEP)
        assert found == (value if step > newest - STEPS else None)
    assert not any(
        math.isnan(value) for _, value in trends.points("a", START, START + 10) if value is not None
    )
