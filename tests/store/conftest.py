"""One conformance suite for all engines: `location` is parametrised by engine."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh, empty database is."""
    assert request.param == "sqlite"
    return str(tmp_path / "datastore.sqlite3")
