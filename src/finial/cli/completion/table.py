"""What may be typed, as data: the words that may follow, the flags of each command, the values of a flag.

In: the declarations of every command. Out: tables that each shell's script is made of. Pure but for loading
the commands' modules.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from finial.cli import tree
from finial.cli.command import Command
from finial.cli.flags import Declared, declared
from finial.cli.output import FORMATS, read_format

# A flag whose value is a file or a folder, by the end of its name.
FILES = ("path", "file", "write", "data", "dir", "config", "bundle")
FILE, ASK, ANY = "FILE", "ASK", "ANY"
SHELLS = {"bash": "For bash", "zsh": "For zsh", "fish": "For fish"}


@dataclass(slots=True)
class Table:
    """`words`: by what was typed so far, what may follow, each with a word of help. `flags`: by a command."""

    words: dict[str, dict[str, str]] = field(default_factory=dict)
    flags: dict[str, list[Declared]] = field(default_factory=dict)


def table() -> Table:
    """Of every program, its name in front."""
    made = Table()
    for program, groups in tree.PROGRAMS.items():
        for first, (_, summary) in groups.items():
            made.words.setdefault(program, {})[first] = summary
            for command in tree.commands(program, first):
                _add(made, program, command)
    made.words["finial completion"] |= SHELLS
    return made


def _add(made: Table, program: str, command: Command) -> None:
    for name in tree.aliases(program, command):
        at, *parts = program, *name.split()
        for depth, part in enumerate(parts):
            help = command.summary if depth == len(parts) - 1 else ""
            made.words.setdefault(at, {}).setdefault(part, help)
            at = f"{at} {part}"
        made.flags[at] = declared(command.flags)


def values(one: Declared) -> str | None:
    """The values themselves; `FILE` for the name of a file; `ASK` for what a server has; `ANY` for text that
    cannot be offered; None for a boolean flag, which has no value.
    """
    if one.kind == "bool":
        return None
    if one.refers_to:
        return ASK
    return " ".join(choices(one)) or (FILE if is_file(one) else ANY)


def choices(one: Declared) -> tuple[str, ...]:
    return one.choices or (FORMATS if one.read is read_format else ())


def is_file(one: Declared) -> bool:
    return one.name.lower().endswith(FILES)
