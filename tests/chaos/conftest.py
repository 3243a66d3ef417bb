"""Whole processes, ended, starved or misled on purpose; each test kills only what it started."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
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

    def says(self, *patterns: str, code: int = 1) -> None:
        """Each as a regular expression, without a traceback."""
        assert self.code == code, f"{self.code}: {self.said}"
        assert "Traceback" not in self.said, self.said
        for pattern in patterns:
            assert re.search(pattern, self.said), f"{pattern!r} is not in:\n{self.said}"


@dataclass(frozen=True, slots=True)
class Grown:
    """Data of a domain that ran: what must still be so after every trouble."""

    folder: Path
    roots: frozenset[bytes]
    entry_ids: frozenset[str]


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """Made once for each worker; tests work on copies."""

    async def grow() -> Grown:
        async with Domain(tmp_path_factory.mktemp("grown")) as domain:
            await domain.register("web", f"unix:uid:{os.getuid()}")
            return Grown(domain.folder, await domain.roots(), await domain.entry_ids())

    return asyncio.run(grow())


@pytest.fixture
def domain(tmp_path: Path, grown: Grown) -> Iterator[Domain]:
    """With the data of a domain that ran, at other ports; what the test started is stopped."""
    for part in ("server", "agent"):
        shutil.copytree(grown.folder / part, tmp_path / part)
    shutil.copy(grown.folder / "bundle.pem", tmp_path)
    made = Domain(tmp_path)
    made.configure()
    yield made
    asyncio.run(made.stop())


@pytest.fixture
def attempt(domain: Domain) -> Attempt:
    """`attempt("server", ...)`: runs that part until it ends by itself, or says what the test waits for."""

    def run(
        part: str,
        *arguments: str,
        largest_file: int | None = None,
        without_rights: bool = False,
        until: str = "",
    ) -> Outcome:
        """`largest_file`: bytes, the disk is full there; `without_rights`: root's, so that modes count;
        `until`: a regular expression, the program is ended when it wrote that."""

        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        command = [sys.executable, "-m", "finial", part, "run", "-config", f"{domain.folder}/{part}.conf"]
        program = subprocess.Popen(
            [*(unprivileged.COMMAND if without_rights else ()), *command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=limit,
        )
        watchdog = threading.Timer(PATIENCE, program.kill)
        watchdog.start()
        assert program.stdout is not None
        said = []
        with program, program.stdout:
            for line in program.stdout:
                said.append(line)
                if until and re.search(until, line):
                    program.terminate()
        watchdog.cancel()
        return Outcome(program.returncode, "".join(said))

    return run
