"""For every test: what is the process's own is as it was before, whatever the test did."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """A program that is run inside of a test may set its own."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
