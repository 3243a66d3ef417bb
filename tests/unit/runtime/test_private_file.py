"""Files replaced as a whole."""

from __future__ import annotations

import errno
import fcntl
import os
import runpy
import sys
from pathlib import Path

import pytest

from finial.runtime import fault, private_file


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


def test_a_write_that_a_full_disk_ends_leaves_the_old_file_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.json"
    private_file.replace(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        private_file.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["data.json"]


def test_every_write_passes_its_fault_points_with_the_file_as_they_say(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(b"old")
    seen: list[tuple[str, bytes]] = []
    with fault.hooked(lambda name: seen.append((name, path.read_bytes()))):
        private_file.replace(path, b"new")
    assert [name for name, _ in seen] == [f"data.json.{stage}" for stage in private_file.STAGES]
    assert [data for _, data in seen] == [b"old", b"old", b"old", b"new", b"new"]


@pytest.mark.parametrize(
    ("answer", "forced"),
    [(None, ["F_FULLFSYNC"]), (errno.ENOTSUP, ["F_FULLFSYNC", "fsync"]), (errno.EIO, ["F_FULLFSYNC", "EIO"])],
)
def test_a_mac_is_asked_to_empty_its_drives_cache_where_the_file_system_can(
    answer: int | None, forced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def control(descriptor: int, command: object) -> None:
        done.append(str(command))
        if answer is not None:
            raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", "F_FULLFSYNC", raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda _: done.append("fsync"))
    try:
        runpy.run_path(private_file.__file__)["_force"](0)
    except OSError as why:
        done.append(errno.errorcode[why.errno or 0])
    assert done == forced
