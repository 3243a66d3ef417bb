"""The README, read by a machine: its commands are run in order, its Python is run among them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```", re.M | re.S)
EXPORT = re.compile(r"export (SPIFFE_ENDPOINT_SOCKET)=(\S+)")


def steps() -> list[tuple[str, str]]:
    """(language, one command or one program), in order."""
    found: list[tuple[str, str]] = []
    for kind, body in BLOCK.findall(README):
        if kind == "console":
            found += [("console", line.removeprefix("$ ")) for line in body.splitlines()]
        else:
            found.append((kind, body))
    return found


@pytest.fixture
def home() -> Iterator[dict[str, str]]:
    """An environment of its own, with a home that is empty and short enough for sockets."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOME": folder, "XDG_STATE_HOME": folder}
        environment.pop("SPIFFE_ENDPOINT_SOCKET", None)
        yield environment
        subprocess.run(["./dev", "down"], cwd=ROOT, env=environment, capture_output=True)


@pytest.mark.slow
@pytest.mark.interop  # it takes the ports of the defaults where they are free, and a real lab's time
@pytest.mark.timeout(180)
def test_a_newcomer_with_only_the_readme_gets_there(home: dict[str, str]) -> None:
    seen: list[str] = []
    for kind, step in steps():
        command = ["bash", "-c", step] if kind == "console" else [sys.executable, "-c", moved(step, seen)]
        done = subprocess.run(command, cwd=ROOT, env=home, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
        seen.append(done.stdout + done.stderr)
        home.update(EXPORT.findall(done.stdout + done.stderr))
    everything = "\n".join(seen)
    assert "I am spiffe://example.org/me" in everything
    assert "Received 1 svid after" in everything
    assert "token(spiffe://example.org/me)" in everything


def moved(program: str, seen: list[str]) -> str:
    """The program with the port that `up` really took."""
    port = re.search(r"user-service\s+https://127\.0\.0\.1:(\d+)", "\n".join(seen))
    assert port is not None
    return program.replace("18443", port[1])


def test_the_readme_starts_with_the_two_commands() -> None:
    assert [step for kind, step in steps() if kind == "console"][:2] == ["./dev up", "./dev verify"]
