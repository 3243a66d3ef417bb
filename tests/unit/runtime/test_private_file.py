"""Files replaced as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from finial.runtime import private_file


def test_the_file_is_replaced_with_private_mode_and_nothing_is_left_beside(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / "data.json.tmp").write_text("of a crash")
    private_file.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["data.json"]


def test_a_link_set_in_place_of_the_file_beside_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / "data.json.tmp").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        private_file.replace(tmp_path / "data.json", b"new")
    assert victim.read_text() == "kept"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        private_file.replace(tmp_path / "absent" / "data.json", b"new")
