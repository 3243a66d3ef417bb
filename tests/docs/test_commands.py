"""Every command and flag is documented, and every command line in the documents is one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.cli import flags, tree
from finial.cli.command import Command

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "commands.md").read_text()
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
LAB_VERBS = {"up", "status", "verify", "logs", "down", "lab"}  # what `./dev` passes on


def commands() -> list[Command]:
    return [command for first in tree.OWN for command in tree.commands("finial", first)]


def typed_lines(path: Path) -> list[str]:
    """What a reader is told to type."""
    return [
        line[2:]
        for block in CONSOLE.findall(path.read_text())
        for line in block.splitlines()
        if line[:2] == "$ "
    ]


def finial_words(line: str) -> Iterator[list[str]]:
    """The words after `finial` of each of a line's commands; none for lines that call something else."""
    plain = re.sub(r"\$\([^)]*\)", "0", line)
    for part in re.split(r"\||&&|>", plain):
        words = shlex.split(part, comments=True)
        if words[:2] == ["./dev", "finial"]:
            yield words[2:]
        elif words[:1] == ["finial"] or (words[:1] == ["./dev"] and LAB_VERBS.intersection(words[1:2])):
            yield words[1:]


def check_line(words: list[str]) -> None:
    """Raises: if it is no command, or its flags are not read."""
    found = tree.find("finial", words)
    assert found is not None, words
    command, arguments = found
    _, rest = flags.parse(command.flags, arguments)
    assert not rest or command.takes_arguments, f"{words}: {rest} is not read"


@pytest.mark.parametrize("command", commands(), ids=lambda one: one.path)
def test_a_command_is_documented(command: Command) -> None:
    assert command.summary.endswith("."), "a summary is a sentence"
    assert command.examples, "no example"
    assert re.search(rf"^##+ `finial {command.path}`$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", commands(), ids=lambda one: one.path)
def test_the_flags_of_a_command_have_help(command: Command) -> None:
    for one in flags.declared(command.flags):
        assert one.help, f"-{one.name}"
        assert one.help[0].isupper() or one.help.split()[0] in ("true", "type:value"), (
            f"-{one.name}: {one.help}"
        )
        assert f"| `-{one.name}` |" in PAGE


@pytest.mark.parametrize("command", commands(), ids=lambda one: one.path)
def test_the_examples_of_a_command_can_be_typed(command: Command) -> None:
    for example in command.examples:
        called = list(finial_words(example))
        assert called, example
        for words in called:
            check_line(words)
        assert any(" ".join(words).startswith(command.path) for words in called), example


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda one: one.name
)
def test_the_commands_of_a_document_can_be_typed(path: Path) -> None:
    for line in typed_lines(path):
        for words in finial_words(line):
            check_line(words)


def test_the_readme_has_commands() -> None:
    assert sum(len(list(finial_words(line))) for line in typed_lines(ROOT / "README.md")) > 5
