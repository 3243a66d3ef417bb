from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from finial.cli import run
from finial.cli.console import Console
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


@pytest.fixture
def call() -> Call:
    """Runs a command in this process: `call("entry", "show", program="spire-server")`."""

    def call(*words: str, program: str = "finial", stdin: str = "") -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        code = run(list(words), Console(program, io.StringIO(stdin), out, err))
        return Outcome(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def console() -> Console:
    """Writes to strings: `console.stdout.getvalue()`."""
    return Console("finial", io.StringIO(), io.StringIO(), io.StringIO())
