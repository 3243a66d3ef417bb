"""Rules about the files of the repository itself: locks without addresses, no machine paths, no markers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = {".py", ".md", ".proto", ".toml", ".txt", ".go", ".conf", ".hcl", ".json", ".yaml", ".yml", ""}
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|work|farm)/")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    names = listing.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts() -> list[Path]:
    return [path for path in tracked() if path.suffix in TEXT and path != Path(__file__)]


def test_locks_name_versions_and_hashes_only() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        assert "://" not in path.read_text(), f"{path.name} holds an address"
        assert "--hash=sha256:" in path.read_text()


def test_no_path_of_a_machine() -> None:
    found = [str(path) for path in texts() if MACHINE_PATH.search(path.read_text(errors="replace"))]
    assert not found


def test_no_unfinished_work() -> None:
    found = [str(path) for path in texts() if UNFINISHED.search(path.read_text(errors="replace"))]
    assert not found


def test_no_private_key() -> None:
    marker = "-----BEGIN " + "PRIVATE KEY-----\nM"
    found = [str(path) for path in tracked() if marker in path.read_text(errors="replace")]
    assert not found


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "docs/roadmap.md"]
)
def test_front_door_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 200
