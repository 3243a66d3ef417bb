"""One lab for a module, or a fresh one for a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.lab.place import Place
from finial.lab.process import alive
from finial.testing.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Nothing runs yet; whatever runs at the end is ended."""
    made = Lab(Place.at(tmp_path / "lab", {"XDG_RUNTIME_DIR": str(tmp_path)}))
    made.reserve_ports()
    yield made
    made.run("down", code=None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for a module's tests, with lifetimes of seconds; at the end nothing of it may be left."""
    made = Lab(Place.at(tmp_path_factory.mktemp("lab") / "lab"))
    made.reserve_ports()
    made.run("up", "-ttl", "10")
    yield made
    processes = made.processes()
    made.run("down")
    assert not [one for one in processes if alive(one)]
    assert not made.place.folder.exists()
    assert not made.place.run.exists()
    assert not os.listdir(made.place.folder.parent)
