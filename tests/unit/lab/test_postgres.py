from __future__ import annotations

import os
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, PermissionDenied, Unavailable, Unsupported
from finial.lab import postgres


def test_a_database_is_named_with_its_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("abc")
    assert "port=5 " in postgres.dsn(tmp_path, 5) and " password=abc " in postgres.dsn(tmp_path, 5)


def test_a_folder_that_was_not_prepared_is_told(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="there is no database"):
        postgres.dsn(tmp_path, 5)


def test_what_somebody_else_made_is_not_used(tmp_path: Path) -> None:
    """The folder of root's database has a name that anybody can guess."""
    trap = tmp_path / "trap"
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    (trap / "password").write_text("known")
    link = tmp_path / "link"
    link.symlink_to(trap)
    for folder in (trap, link):
        with pytest.raises(PermissionDenied):
            postgres.prepare(folder)


def test_an_own_database_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o700)
    (folder / "password").write_text("abc")
    if os.geteuid() == 0:
        os.chown(folder, postgres.NOBODY, postgres.NOBODY)
    postgres.prepare(folder)
    assert (folder / "password").read_text() == "abc"


def test_who_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="unable to connect") as caught:
        postgres.check("host=127.0.0.1 port=1 dbname=postgres user=u password=s3cret")
    assert "s3cret" not in str(caught.value)


def test_without_the_wheel_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(Unsupported) as caught:
        postgres.parts()
    assert "finial[lab-postgres]" in (caught.value.hint or "")
