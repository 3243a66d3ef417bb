from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, PermissionDenied
from finial.lab.place import LONGEST_SOCKET, Place, default_folder, private_folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_private(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "lab", {})
    place.make()
    for one in (place.folder, place.run, place.logs, place.data("server"), place.config("agent").parent):
        assert mode(one) == 0o700


def test_sockets_of_a_deep_folder_are_elsewhere_and_short(tmp_path: Path) -> None:
    deep = Place.at(tmp_path / ("x" * 120), {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert deep.run.parent == Path("/run/user/7")
    assert len(os.fsencode(deep.control_socket)) <= LONGEST_SOCKET
    assert deep == Place.at(tmp_path / ("x" * 120), {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert deep.run != Place.at(tmp_path / ("y" * 120), {"XDG_RUNTIME_DIR": "/run/user/7"}).run


def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    before = mode(tmp_path)
    with pytest.raises(FailedPrecondition, match="is not empty and holds no lab"):
        Place.at(tmp_path, {}).make()
    assert mode(tmp_path) == before


def test_removing_takes_what_a_lab_made_and_nothing_else(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "lab", {})
    place.make()
    place.state_file.write_text("{}")
    (place.folder / "notes.txt").write_text("mine")
    place.remove(keep=True)
    assert not place.run.exists()
    assert place.state_file.exists()
    place.remove(keep=False)
    assert [one.name for one in place.folder.iterdir()] == ["notes.txt"]
    (place.folder / "notes.txt").unlink()
    place.remove(keep=False)
    assert not place.folder.exists()
    place.remove(keep=False)


def test_a_link_is_no_private_folder(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(PermissionDenied, match="another user's or a link"):
        private_folder(tmp_path / "link")


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FailedPrecondition, match="make folder"):
        private_folder(tmp_path / "file")


def test_a_second_launcher_is_refused(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "lab", {})
    place.make()
    with place.alone(), pytest.raises(FailedPrecondition, match="another launcher has"), place.alone():
        pass
    with place.alone():
        pass


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/ada"}, "/state/finial/lab"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/ada"}, "/home/ada/.local/state/finial/lab"),
        ({"HOME": "/home/ada"}, "/home/ada/.local/state/finial/lab"),
    ],
)
def test_the_default_folder_follows_xdg(environment: dict[str, str], folder: str) -> None:
    assert default_folder(environment) == Path(folder)
