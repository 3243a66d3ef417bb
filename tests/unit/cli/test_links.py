from __future__ import annotations

import io
from pathlib import Path

import pytest

from finial.cli import run
from finial.cli.console import Console
from finial.cli.links import NAMES, program, typed


def call(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(["link-names", *words], Console(stdout=out, stderr=err))
    return code, out.getvalue(), err.getvalue()


def test_links_both_names(tmp_path: Path) -> None:
    code, out, _ = call(str(tmp_path))
    assert code == 0
    for name in NAMES:
        assert (tmp_path / name).readlink() == program()
        assert str(tmp_path / name) in out


def test_a_second_call_changes_nothing(tmp_path: Path) -> None:
    assert call(str(tmp_path))[0] == 0
    assert call(str(tmp_path))[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_a_taken_name_is_kept_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "spire-agent").write_text("stock")
    code, _, err = call(str(tmp_path))
    assert code == 1
    assert "is there already" in err
    assert "hint: choose another folder, or give -force" in err
    assert [path.name for path in tmp_path.iterdir()] == ["spire-agent"]
    assert (tmp_path / "spire-agent").read_text() == "stock"


def test_force_replaces(tmp_path: Path) -> None:
    (tmp_path / "spire-agent").write_text("stock")
    assert call("-force", str(tmp_path))[0] == 0
    assert (tmp_path / "spire-agent").is_symlink()


@pytest.mark.parametrize("words", [[], ["a", "b"]])
def test_wants_one_folder(words: list[str]) -> None:
    code, _, err = call(*words)
    assert code == 1
    assert "exactly one folder" in err


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    code, _, err = call(str(tmp_path / "absent"))
    assert code == 1
    assert f'"{tmp_path / "absent"}" is not a folder' in err


def test_what_a_person_types_is_found_on_the_path_or_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "venv dir" / "finial"
    mine.parent.mkdir()
    mine.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(mine)])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir("/")
    assert typed() == f"'{str(mine).removeprefix('/')}'"
    monkeypatch.chdir(tmp_path)
    assert typed() == "'venv dir/finial'"
    monkeypatch.setenv("PATH", str(mine.parent))
    assert typed() == "finial"
