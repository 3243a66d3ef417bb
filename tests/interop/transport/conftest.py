"""The grpc-go peer of the transport tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from finial.testing.go_peer import GoPeer


@pytest.fixture
def go_peer(go_program: Callable[[str], Path]) -> GoPeer:
    return GoPeer(go_program("transportpeer"))
