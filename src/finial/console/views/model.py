"""Pieces that many views share: a figure, a link in a table, a row of a chart."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from finial.console.figure import Figure

Status = Literal["healthy", "warning", "failing", "unknown"]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FigureModel(Model):
    """A value, or why there is none: `missing` is what is read after "not available: "."""

    value: float | int | str | None = None
    unit: str = ""
    missing: str | None = None
    source: str
    age: float | None = None

    @classmethod
    def of(cls, figure: Figure, now: float) -> FigureModel:
        return cls.model_validate(figure.record(now))


class Point(Model):
    """`value` is None for a gap, which a chart does not join."""

    at: float
    value: float | None


class Page(Model):
    """Where a table's rows begin and how many there are, before and after the filter."""

    offset: int
    total: int
    matching: int
