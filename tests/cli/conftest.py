from __future__ import annotations

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
