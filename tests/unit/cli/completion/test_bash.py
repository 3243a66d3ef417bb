"""The script, in bash itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from finial.cli.completion.bash import script
from finial.cli.completion.table import table

MADE = table()
ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_finial
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(folder: Path, words: str) -> list[str]:
    """What bash offers for the last of the words, which are as bash takes them apart."""
    path = folder / "finial.bash"
    path.write_text(script(MADE))
    ask = ASK.format(script=path, words=words)
    done = subprocess.run(
        ["bash", "--norc", "-c", ask], capture_output=True, text=True, check=True, cwd=folder
    )
    assert not done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("finial ent", ["entry"]),
        ("finial entry cre", ["create"]),
        ("/opt/bin/finial localauthority x509 t", ["taint"]),
        ("finial entry show -spi", ["-spiffeID"]),
        ("finial entry show -output ''", ["pretty", "json"]),
        ("finial entry show --output j", ["json"]),
        ("finial entry show -output = j", ["json"]),
        ("finial entry show -output =", ["pretty", "json"]),
        ("finial entry show -output = json -h", ["-hint"]),
        ("finial entry show -spiffeID spiffe : //a/b -h", ["-hint"]),
        ("finial entry show -downstream -h", ["-hint"]),
        ("finial entry show -hint ''", [""]),
        ("finial completion z", ["zsh"]),
        ("spire-agent api fe", ["fetch"]),
        ("spire-server agent pu", ["purge"]),
        ("spire-agent api fetch j", ["jwt"]),
    ],
)
def test_what_may_follow_is_offered(tmp_path: Path, words: str, answer: list[str]) -> None:
    assert offered(tmp_path, words) == answer


def test_after_an_unknown_word_the_known_ones_are_offered(tmp_path: Path) -> None:
    assert "entry" in offered(tmp_path, "finial nope ''")


def test_files_are_offered_also_with_a_space_in_the_name(tmp_path: Path) -> None:
    (tmp_path / "my server.conf").touch()
    assert offered(tmp_path, "finial server run -config my") == ["my server.conf"]


def answering(folder: Path, answer: str) -> str:
    """A program under our name, in a folder of its own."""
    program = folder / "finial"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {folder}/asked\n{answer}\n")
    program.chmod(0o755)
    return str(program)


def test_what_a_server_has_is_asked_of_the_program_that_is_typed(tmp_path: Path) -> None:
    program = answering(tmp_path, r"printf 'spiffe://a/web\tthe web\nspiffe://a/web-2\n'")
    assert offered(tmp_path, f"{program} entry show -spiffeID spiffe : //a/w") == ["//a/web", "//a/web-2"]
    typed = ["completion", "candidates", "--", program, "entry", "show", "-spiffeID", "spiffe://a/w"]
    assert (tmp_path / "asked").read_text().split("\n")[:-1] == typed


def test_what_a_server_says_is_never_expanded(tmp_path: Path) -> None:
    program = answering(tmp_path, "echo 'a$(touch${IFS}done)'")
    assert offered(tmp_path, f"{program} entry show -entryID ''") == ["a$(touch${IFS}done)"]
    assert not (tmp_path / "done").exists()


def test_errors_of_the_program_are_not_shown(tmp_path: Path) -> None:
    program = answering(tmp_path, "echo broken >&2; exit 1")
    assert offered(tmp_path, f"{program} entry show -entryID ''") == [""]


def test_every_word_and_flag_is_there() -> None:
    made = script(MADE)
    for path, words in MADE.words.items():
        assert f'"{path}") echo "{" ".join(words)}' in made
