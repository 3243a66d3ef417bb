"""Real peers: Go programs of ours (folder `go`, one module), each built once for all tests and workers."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "go"
CACHE = Path(__file__).parents[2] / ".cache" / "interop"
ALLOW_MISSING = "FINIAL_ALLOW_MISSING"

GoProgram = Callable[[str], Path]


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


@pytest.fixture(scope="session")
def go_program() -> GoProgram:
    """`go_program("transportpeer")`: the path of the program, built now if need be."""
    if shutil.which("go") is None:
        if os.environ.get(ALLOW_MISSING) == "1":
            pytest.skip("Go is not installed")
        pytest.fail(f"Go is not installed; {ALLOW_MISSING}=1 skips these tests", pytrace=False)
    return functools.cache(build)
