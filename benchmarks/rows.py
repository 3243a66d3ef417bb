"""What a row is: a name, what it measures, its goals, and a function that measures it.

A measurement is a dict: `metric -> number`, and `raw`, which is kept in the JSON as it is. A goal is a limit
of one metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from subject import Programs

Measurement = dict[str, Any]
Measure = Callable[[Programs, bool], Measurement]


@dataclass(frozen=True, slots=True)
class Goal:
    metric: str
    unit: str
    limit: float | None  # None: told without a goal
    at_least: bool = False

    def met(self, value: float) -> bool:
        return self.limit is None or (value >= self.limit if self.at_least else value <= self.limit)


@dataclass(frozen=True, slots=True)
class Row:
    """`stock`: a stock SPIRE can be measured with it too."""

    name: str
    title: str
    goals: tuple[Goal, ...]
    measure: Measure
    stock: bool = True


def flatten(raw: dict[str, Any]) -> Measurement:
    """The medians of the runs of a closed loop; `raw` as it came."""
    runs = raw["runs"]
    result: Measurement = {"raw": raw}
    for name in ("rate", "p50_us", "p99_us", "max_us", "seconds"):
        result[name] = median(run[name] for run in runs)
    for process in runs[0]["cpu_us"]:
        result[f"{process}_cpu_us"] = median(run["cpu_us"][process] for run in runs)
    result["ms"] = result["seconds"] * 1000
    return result


def us(metric: str, limit: float | None) -> Goal:
    return Goal(metric, "us", limit)


def per_second(limit: float | None) -> Goal:
    return Goal("rate", "/s", limit, at_least=True)


def chosen(rows: tuple[Row, ...], wanted: list[str]) -> Iterator[Row]:
    """Those whose name begins with one of the words; all without a word."""
    return (row for row in rows if not wanted or any(row.name.startswith(word) for word in wanted))
