"""A day of figures in steps of ten seconds, in memory. Pure: times are arguments, Unix seconds.

One number a step and series, in arrays made at the first value. A step without a value is a gap and stays one: charts
never join it. The newest value of a step counts. What a restart forgets is said by the gap that it leaves.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from enum import StrEnum
from statistics import fmean

STEP = 10  # seconds
SPAN = 24 * 3600
STEPS = SPAN // STEP
STABLE = 0.05  # of the hour before: less is no movement
HOUR = 3600
MOST = 400  # series; what comes after is left out

Point = tuple[float, float | None]


class Mark(StrEnum):
    """How a figure moves against the hour before."""

    UP = "up"
    DOWN = "down"
    STABLE = "stable"
    UNKNOWN = "unknown"


class Trends:
    def __init__(self) -> None:
        self._series: dict[str, array[float]] = {}
        self._newest: dict[str, int] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def add(self, name: str, value: float, at: float) -> None:
        """Values of one series come in the order of their times."""
        step = int(at // STEP)
        series = self._series.get(name)
        if series is None:
            if len(self._series) >= MOST:
                return
            series = self._series[name] = array("f", [math.nan]) * STEPS
            self._newest[name] = step
        newest = self._newest[name]
        if step < newest:
            return
        for skipped in range(newest + 1, min(step, newest + STEPS + 1)):
            series[skipped % STEPS] = math.nan
        series[step % STEPS] = value
        self._newest[name] = step

    def points(self, name: str, since: float, until: float, most: int = 360) -> list[Point]:
        """At most `most` points of equal width, each the mean of its steps; None where all of them are gaps."""
        first, last = int(since // STEP), int(until // STEP)
        width = max(math.ceil((last - first + 1) / most), 1)
        return [
            (start * STEP, _mean(self._steps(name, start, min(start + width, last + 1))))
            for start in range(first, last + 1, width)
        ]

    def mark(self, name: str, now: float) -> Mark:
        """The last five minutes against the hour before them."""
        recent = _mean(self._steps(name, int((now - 300) // STEP), int(now // STEP) + 1))
        before = _mean(self._steps(name, int((now - 300 - HOUR) // STEP), int((now - 300) // STEP)))
        if recent is None or before is None:
            return Mark.UNKNOWN
        if abs(recent - before) <= STABLE * max(abs(before), 1e-9):
            return Mark.STABLE
        return Mark.UP if recent > before else Mark.DOWN

    def peak(self, name: str, since: float, until: float) -> tuple[float, float] | None:
        """When it was highest, and how high."""
        first = int(since // STEP)
        steps = self._steps(name, first, int(until // STEP) + 1)
        known = [(value, -number) for number, value in enumerate(steps) if not math.isnan(value)]
        if not known:
            return None
        value, number = max(known)
        return (first - number) * STEP, value

    def _steps(self, name: str, first: int, end: int) -> Sequence[float]:
        series = self._series.get(name)
        if series is None:
            return ()
        newest = self._newest[name]
        return [
            series[step % STEPS] if newest - STEPS < step <= newest else math.nan
            for step in range(first, end)
        ]


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else None
