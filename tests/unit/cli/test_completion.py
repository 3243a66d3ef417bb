"""The scripts, in real shells where these are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.completion import FISH, Table, bash, choices, fish, is_file, quoted, table, zsh
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]
MADE = table()
ASK = """
source {script}
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_finial
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def offered(folder: Path, words: str) -> list[str]:
    """What bash offers for the last of the words."""
    script = folder / "finial.bash"
    script.write_text(bash(MADE))
    ask = ASK.format(script=script, words=words)
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
        ("finial entry show -downstream -h", ["-hint"]),
        ("finial entry show -spiffeID ''", [""]),
        ("spire-agent api fe", ["fetch"]),
        ("spire-server agent pu", ["purge"]),
        ("spire-agent api fetch j", ["jwt"]),
        ("finial nope ''", [""]),
    ],
)
def test_bash_offers_what_may_follow(tmp_path: Path, words: str, answer: list[str]) -> None:
    got = offered(tmp_path, words)
    if words == "finial nope ''":
        assert "entry" in got
    else:
        assert got == answer


def test_bash_offers_files_also_with_a_space_in_the_name(tmp_path: Path) -> None:
    (tmp_path / "my server.conf").touch()
    assert offered(tmp_path, "finial server run -config my") == ["my server.conf"]


@pytest.mark.parametrize(("shell", "made"), [("zsh", zsh(MADE)), ("fish", fish(MADE))])
def test_the_script_of_another_shell_is_read_by_it(tmp_path: Path, shell: str, made: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(made)
    subprocess.run([shell, "-n", script], check=True, capture_output=True)


def test_fish_offers_what_may_follow(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "finial.fish"
    script.write_text(fish(MADE))
    ask = f"source {script}; complete -C 'finial entry show -output '; complete -C 'finial entry sh'"
    done = subprocess.run(["fish", "--no-config", "-c", ask], capture_output=True, text=True, check=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["json", "pretty", "show"]


def test_zsh_offers_what_bash_offers(tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    script = tmp_path / "_finial"
    script.write_text(zsh(MADE))
    ask = (
        f"source {script}; emulate -L ksh; words=(finial entry show -output p); COMP_WORDS=(${{words[@]}});"
        " COMP_CWORD=4; _finial; print -l ${COMPREPLY[@]}; COMP_WORDS=(finial entry cr); COMP_CWORD=2;"
        " _finial; print -l ${COMPREPLY[@]}"
    )
    done = subprocess.run(["zsh", "-f", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path)
    verbs = ["count", "create", "delete", "show", "update"]  # zsh itself leaves those that begin as typed
    assert done.stdout.split() == ["pretty", "json", *verbs], done.stderr


def test_every_word_and_flag_is_in_every_script() -> None:
    scripts = bash(MADE), zsh(MADE), fish(MADE)
    for path, words in MADE.words.items():
        assert f'"{path}") echo "{" ".join(words)}' in scripts[0]
    for path, flags in MADE.flags.items():
        for one in flags:
            assert f'__finial_at "{path}"\' -o {one.name} ' in scripts[2]


def test_values_are_words_files_or_unknown() -> None:
    flags = {one.name: one for one in MADE.flags["finial bundle set"]}
    assert choices(flags["output"]) == ("pretty", "json")
    assert choices(flags["format"]) == ("pem", "spiffe")
    assert is_file(flags["path"])
    assert not is_file(flags["id"])


def test_text_for_fish_is_quoted() -> None:
    assert quoted("the server's\nown") == "'the server\\'s own'"
    assert fish(Table()).startswith(FISH)


def test_a_shell_that_is_unknown_is_refused_with_those_that_are_known(call: Call) -> None:
    got = call("completion", "tcsh")
    assert got.exit == 1
    assert got.err.startswith("Error: completion wants the name of a shell: bash, zsh, fish\n")
    assert call("completion", "bash").out == bash(MADE)
