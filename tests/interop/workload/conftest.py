"""A trust domain of real processes, and workloads on go-spiffe, py-spiffe and our own client in it."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import shutil
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import finial
from finial.testing.domain import Domain
from finial.testing.workload_program import WorkloadProgram

HERE = Path(__file__).parent
SOURCE = Path(finial.__file__).parents[1]
SCRIPTS = {
    "py-spiffe": HERE / "pyspiffe_peer.py",
    "finial": HERE / "finial_peer.py",
    "openssl": HERE / "openssl_peer.py",
}

NewProgram = Callable[[str, Domain], WorkloadProgram]


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
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """One for all tests of a worker that do not stop parts of it; each test brings its own programs."""
    made = Domain(tmp_path_factory.mktemp("domain"))
    asyncio.run(made.start())
    yield made
    asyncio.run(made.stop())


@pytest.fixture(scope="session")
def packages() -> str:
    """Where py-spiffe and what we need are installed."""
    found = importlib.util.find_spec("spiffe")
    if found is None or found.origin is None:
        if os.environ.get("FINIAL_ALLOW_MISSING") == "1":
            pytest.skip("py-spiffe is not installed")
        pytest.fail("py-spiffe is not installed; FINIAL_ALLOW_MISSING=1 skips these tests", pytrace=False)
    return str(Path(found.origin).parents[1])


@pytest.fixture
def new_program(go_program: Callable[[str], Path], packages: str, tmp_path: Path) -> NewProgram:
    """`new_program("go-spiffe", domain)`: a program with a path of its own, and so an identity of its own."""

    def make(kind: str, domain: Domain) -> WorkloadProgram:
        folder = tmp_path / f"{kind}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        if kind == "go-spiffe":
            executable = Path(shutil.copy(go_program("spiffepeer"), folder / "workload"))
            return WorkloadProgram(kind, executable, (), domain.environment)
        venv.EnvBuilder(symlinks=False).create(folder)
        environment = {**domain.environment, "PYTHONPATH": os.pathsep.join((str(SOURCE), packages))}
        return WorkloadProgram(kind, folder / "bin" / "python", (str(SCRIPTS[kind]),), environment)

    return make
