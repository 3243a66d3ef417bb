"""Figures as models."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from finial.console.figure import Figure, Missing, Origin, Source, missing
from finial.console.views.model import FigureModel

SOURCE = Source(Origin.SQL, "pg_stat_database")


def test_a_figure_keeps_its_value_or_its_reason() -> None:
    assert FigureModel.of(Figure(SOURCE, 10.0, 3, "MB"), 12.0).model_dump() == {
        "value": 3,
        "unit": "MB",
        "missing": None,
        "source": "sql: pg_stat_database",
        "age": 2.0,
    }
    assert FigureModel.of(missing(SOURCE, Missing.SQLITE, 10.0), 10.0).missing == "SQLite has no such figure"


def test_a_model_has_no_other_fields() -> None:
    with pytest.raises(ValidationError):
        FigureModel.model_validate({"source": "x", "made_up": 1})
