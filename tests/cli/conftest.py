from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, so that sockets fit, and open to the other users of the transcripts."""
    made = Path(tempfile.mkdtemp(prefix="finial-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(params=["finial", "stock"])
def programs(request: pytest.FixtureRequest) -> Path | None:
    """Whose commands are run against our server and agent: None is ours."""
    if request.param == "finial":
        return None
    folder = os.environ.get("FINIAL_SPIRE_PROGRAMS")
    if not folder:
        pytest.skip("FINIAL_SPIRE_PROGRAMS names no folder with the programs of a stock SPIRE")
    return Path(folder)
