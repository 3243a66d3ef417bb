"""The changes of late and how long they took: proof of arrival beside its cause."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal

from finial.console.readings import ChangeReading, ServerReading
from finial.console.views.model import Model

OBJECTIVE = 0.1  # seconds: the objective of 99 in 100
CROWD = 100  # a change of more agents is let out under a budget, and is kept out of the objective


class Thing(Model):
    """`name`: what a person calls it; the key where it is gone."""

    kind: str
    key: str
    name: str


class ChangeRow(Model):
    position: str
    at: float
    things: list[Thing]
    more: int
    by: list[str]
    methods: list[str]
    concerned: int
    arrived: int
    waiting: list[str]
    median: float | None
    last: float | None


class LagPoint(Model):
    at: float
    median: float
    last: float


class Lag(Model):
    """Seconds, of changes that concern somebody and at most a crowd. None without any. `kind`: a stock server tells no
    arrivals."""

    kind: Literal["measured", "not told"]
    changes: int
    median: float | None
    p99: float | None
    worst: float | None
    objective: float
    points: list[LagPoint]


def change_rows(server: ServerReading, most: int) -> list[ChangeRow]:
    """Newest first."""
    return [_row(one, server) for one in reversed(server.changes[-most:])]


def lag(server: ServerReading, since: float) -> Lag:
    counted = [one for one in server.changes if one.at >= since and one.arrived and one.concerned <= CROWD]
    lasts = sorted(one.last_arrival for one in counted)
    return Lag(
        kind="measured" if server.own else "not told",
        changes=len(counted),
        median=median(one.median_arrival for one in counted) if counted else None,
        p99=_quantile(lasts, 0.99),
        worst=lasts[-1] if lasts else None,
        objective=OBJECTIVE,
        points=[LagPoint(at=one.at, median=one.median_arrival, last=one.last_arrival) for one in counted],
    )


def _row(one: ChangeReading, server: ServerReading) -> ChangeRow:
    return ChangeRow(
        position=one.position.hex(),
        at=one.at,
        things=[Thing(kind=kind, key=key, name=_name(kind, key, server)) for kind, key in one.things],
        more=one.more,
        by=list(dict.fromkeys(caller for caller, _ in one.authors)),
        methods=list(dict.fromkeys(method for _, method in one.authors)),
        concerned=one.concerned,
        arrived=one.arrived,
        waiting=list(one.waiting),
        median=one.median_arrival if one.arrived else None,
        last=one.last_arrival if one.arrived else None,
    )


def _name(kind: str, key: str, server: ServerReading) -> str:
    if kind == "entry" and (entry := server.entries.get(key)):
        return str(entry.spiffe_id)
    return key


def _quantile(rising: Sequence[float], share: float) -> float | None:
    return rising[min(int(share * len(rising)), len(rising) - 1)] if rising else None
