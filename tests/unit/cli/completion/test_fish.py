"""The script, in fish itself where that is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from finial.cli.completion.fish import HEAD, quoted, script
from finial.cli.completion.table import Table, table

MADE = table()
needs_fish = pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")


def offered(folder: Path, *lines: str) -> list[str]:
    path = folder / "finial.fish"
    path.write_text(script(MADE))
    ask = "; ".join([f"source {path}", *(f"complete -C '{one}'" for one in lines)])
    done = subprocess.run(
        ["fish", "--no-config", "-c", ask], capture_output=True, text=True, check=True, cwd=folder
    )
    return done.stdout.splitlines()


@needs_fish
def test_what_may_follow_is_offered(tmp_path: Path) -> None:
    got = offered(tmp_path, "finial entry show -output ", "finial entry sh", "finial completion z")
    assert [line.split("\t")[0] for line in got] == ["json", "pretty", "show", "zsh"]


@needs_fish
def test_what_a_server_has_is_asked_for_and_described(tmp_path: Path) -> None:
    program = tmp_path / "finial"
    program.write_text("#!/bin/sh\nprintf 'web\\tspiffe://a/web\\n'\n")
    program.chmod(0o755)
    line = f"{program} entry show -entryID "
    assert offered(tmp_path, line, f"{line}w") == ["web\tspiffe://a/web"] * 2


def test_every_flag_is_there() -> None:
    made = script(MADE)
    for path, flags in MADE.flags.items():
        for one in flags:
            assert f'__finial_at "{path}"\' -o {one.name} ' in made


def test_text_is_quoted() -> None:
    assert quoted("the server's\nown") == "'the server\\'s own'"
    assert script(Table()).startswith(HEAD)
