"""The script is read by zsh itself; what it offers on a terminal: tests/cli/test_completion.py."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from finial.cli.completion.table import table
from finial.cli.completion.zsh import quoted, script

MADE = table()
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")


@needs_zsh
def test_the_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "_finial"
    path.write_text(script(MADE))
    subprocess.run(["zsh", "-n", path], check=True, capture_output=True)


@needs_zsh
def test_the_tables_are_what_was_declared(tmp_path: Path) -> None:
    path = tmp_path / "_finial"
    path.write_text(script(MADE))
    ask = (
        f"compdef() {{ }}; source {path}; "
        "print -r -- ${_finial_values[finial entry show output]}; "
        "print -r -- ${${(f)_finial_words[finial entry]}[1]}; print -r -- ${#_finial_flags}"
    )
    done = subprocess.run(["zsh", "-f", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "pretty json",
        "count:Counts registration entries.",
        str(sum(bool(flags) for flags in MADE.flags.values())),
    ], done.stderr


def test_every_word_and_flag_is_there() -> None:
    made = script(MADE)
    for path, words in MADE.words.items():
        assert f"  '{path}' '" in made
        assert all(f"{word}:" in made for word in words)
    for flags in MADE.flags.values():
        assert all(f"-{one.name}:" in made for one in flags)


def test_text_is_quoted() -> None:
    assert quoted("the server's\nown", "b") == "'the server'\\''s own\nb'"
