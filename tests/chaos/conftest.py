"""Whole processes, ended, starved or misled on purpose; each test kills only what it started."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from finial.testing import unprivileged
from finial.testing.domain import Domain

HERE = Path(__file__).parent
PATIENCE = 30.0  # seconds until a program that does not end is a failure

Attempt = Callable[..., "Outcome"]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs tests that are coroutines, each in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and all that it wrote."""

    code: int
    said: str

    def says(self, *patterns: str) -> None:
        """Each as a regular expression, in this program's last words: exit code 1, no traceback."""
        assert self.code == 1, self.said
        assert "Traceback" not in self.said, self.said
        for pattern in patterns:
            assert re.search(pattern, self.said), f"{pattern!r} is not in:\n{self.said}"


@pytest.fixture
def domain(tmp_path: Path) -> Iterator[Domain]:
    """Configured; what the test started is stopped."""
    made = Domain(tmp_path)
    made.configure()
    yield made
    asyncio.run(made.stop())


@pytest.fixture
def attempt(domain: Domain) -> Attempt:
    """`attempt("server", ...)`: runs that part until it ends by itself."""

    def run(
        part: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        largest_file: int | None = None,
        without_rights: bool = False,
    ) -> Outcome:
        """`largest_file`: bytes, the disk is full there; `without_rights`: root's, so that modes count."""

        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        command = [sys.executable, "-m", "finial", part, "run", "-config", f"{domain.folder}/{part}.conf"]
        ended = subprocess.run(
            [*(unprivileged.COMMAND if without_rights else ()), *command, *arguments],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            preexec_fn=limit,
        )
        return Outcome(ended.returncode, ended.stdout)

    return run
