"""Real peers, each made once for all tests and workers: Go programs of ours (folder `go`, one module), and programs of
Debian's packages, which are unpacked into the cache and not installed: no service starts, no user is made.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "go"
CACHE = Path(__file__).parents[2] / ".cache" / "interop"
ALLOW_MISSING = "FINIAL_ALLOW_MISSING"

GoProgram = Callable[[str], Path]
DebianProgram = Callable[[str, str], Path]


def digest(name: str) -> str:
    """Of all that the program depends on, the toolchain's version included."""
    parts = [subprocess.run(["go", "version"], capture_output=True, check=True).stdout]
    for path in (SOURCES / "go.mod", SOURCES / "go.sum", *sorted((SOURCES / name).glob("*.go"))):
        parts += [path.name.encode(), path.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def build(name: str) -> Path:
    """The program in folder `name`; a second worker waits for the first to be done."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = CACHE / f"{name}-{digest(name)}"
        if not made.exists():
            unfinished = made.with_suffix(".new")
            command = ["go", "build", "-trimpath", "-o", str(unfinished), f"./{name}"]
            done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True)
            if done.returncode:
                pytest.fail(f"go build: {done.stderr}", pytrace=False)
            unfinished.rename(made)
    return made


def unpack(package: str, name: str) -> Path:
    """The program `name` of a package: the one that is installed, else from the archive."""
    if installed := shutil.which(name):
        return Path(installed)
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"debian-{package}"
    with (CACHE / f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as made:
                archive = download(package, Path(made))
                subprocess.run(["dpkg", "-x", archive, f"{made}/unpacked"], check=True)
                (Path(made) / "unpacked").rename(folder)
    return folder / "usr" / "bin" / name


def download(package: str, folder: Path) -> Path:
    """As a machine's package lists may be missing, they are fetched where it does not work without."""
    command = ["apt-get", "download", "-qq", package]
    if subprocess.run(command, cwd=folder, capture_output=True).returncode:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"apt-get download {package}: {done.stderr}", pytrace=False)
    return next(folder.glob("*.deb"))


@pytest.fixture(scope="session")
def debian_program() -> DebianProgram:
    """`debian_program("prometheus", "promtool")`: package and program; its path."""
    if shutil.which("apt-get") is None:
        if os.environ.get(ALLOW_MISSING) == "1":
            pytest.skip("there is no apt-get to take programs of Debian's packages by")
        pytest.fail(f"apt-get is not installed; {ALLOW_MISSING}=1 skips these tests", pytrace=False)
    return functools.cache(unpack)


@pytest.fixture(scope="session")
def go_program() -> GoProgram:
    """`go_program("transportpeer")`: the path of the program, built now if need be."""
    if shutil.which("go") is None:
        if os.environ.get(ALLOW_MISSING) == "1":
            pytest.skip("Go is not installed")
        pytest.fail(f"Go is not installed; {ALLOW_MISSING}=1 skips these tests", pytrace=False)
    return functools.cache(build)
