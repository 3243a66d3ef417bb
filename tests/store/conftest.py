"""One conformance suite for all engines: `location` is parametrised by engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.testing import postgres


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[postgres.Cluster]:
    base = tmp_path_factory.getbasetemp()
    with postgres.shared(base if worker_id == "master" else base.parent) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a fresh, empty database is."""
    if request.param == "sqlite":
        yield str(tmp_path / "datastore.sqlite3")
    else:
        with request.getfixturevalue("cluster").schema() as dsn:
            yield dsn
