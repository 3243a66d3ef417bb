"""A figure and where it comes from, or why there is none. Pure.

A figure is never made up: without a value it has a reason from a closed set, and the page shows that in its place. Its
age is the age of what was read, not of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Value = int | float | str


class Missing(StrEnum):
    """Why there is no figure. The value is what a person reads after "not available: "."""

    NO_EXPORTER = "no exporter"
    STOCK = "stock server does not report it"
    SQLITE = "SQLite has no such figure"
    ROLE = "role may not see it"
    AGENT = "agent not asked"
    UNREACHABLE = "server unreachable"
    NOT_YET = "not measured yet"


class Origin(StrEnum):
    RPC = "rpc"
    METRIC = "metric"
    SQL = "sql"
    FILE = "file"
    AGENT = "agent"
    LAB = "lab"


@dataclass(frozen=True, slots=True)
class Source:
    """`name`: the RPC, the metric, the query or the file."""

    origin: Origin
    name: str


@dataclass(frozen=True, slots=True)
class Figure:
    """`at`: Unix seconds of the reading. Exactly one of `value` and `missing` is there."""

    source: Source
    at: float
    value: Value | None = None
    unit: str = ""
    missing: Missing | None = None

    def record(self, now: float) -> dict[str, object]:
        told: dict[str, object] = {
            "source": f"{self.source.origin.value}: {self.source.name}",
            "age": round(max(now - self.at, 0), 3),
        }
        if self.missing is not None or self.value is None:
            return {**told, "missing": (self.missing or Missing.NOT_YET).value}
        return {**told, "value": self.value, "unit": self.unit}


def missing(source: Source, why: Missing, at: float) -> Figure:
    return Figure(source, at, missing=why)
