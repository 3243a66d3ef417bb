"""`finial link-names DIR`: puts SPIRE's program names into a folder of the caller's choice.

Only `finial` goes on the PATH by itself, so that an install never shadows a stock SPIRE.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import UsageError, flag
from finial.cli.output import read_format, to_line
from finial.errors import AlreadyExists, InvalidArgument

NAMES = ("spire-server", "spire-agent")


@dataclass(frozen=True, slots=True)
class LinkFlags:
    force: bool = flag(False, "Replaces what has these names in the folder already")
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def link_names(flags: LinkFlags, console: Console) -> int:
    """One symbolic link a name; nothing is made if one of the names is taken."""
    if len(console.arguments) != 1:
        raise UsageError("link-names wants exactly one folder", hint="finial link-names ~/.local/bin")
    folder = Path(console.arguments[0])
    if not folder.is_dir():
        raise InvalidArgument(
            f'names cannot be linked: "{folder}" is not a folder', hint=f"mkdir -p {folder}"
        )
    target = program()
    for name in NAMES:
        _refuse_taken(folder / name, target, force=flags.force)
    for name in NAMES:
        replace_link(folder / name, target)
    if flags.output == "json":
        console.out(to_line({"target": str(target), "links": [str(folder / name) for name in NAMES]}))
    else:
        console.out("\n".join(f"{folder / name} -> {target}" for name in NAMES))
    return 0


def program() -> Path:
    """The `finial` that is running, beside its interpreter if it was called as a module."""
    called = Path(sys.argv[0])
    return called.resolve() if called.name == "finial" else Path(sys.executable).parent / "finial"


def typed() -> str:
    """What a person types for it: `finial` where the PATH has this one, else its path."""
    mine, found = program(), shutil.which("finial")
    if found and Path(found).resolve() == mine:
        return "finial"
    here = Path.cwd()
    return shlex.quote(str(mine.relative_to(here) if mine.is_relative_to(here) else mine))


def _refuse_taken(link: Path, target: Path, *, force: bool) -> None:
    if force or not os.path.lexists(link) or link.resolve() == target.resolve():
        return
    raise AlreadyExists(
        f'names cannot be linked: "{link}" is there already', hint="choose another folder, or give -force"
    )


def replace_link(link: Path, target: Path) -> None:
    """In one step: a reader sees the old link or the new one."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(link)


COMMANDS = (
    Command(
        "link-names",
        "Puts spire-server and spire-agent into a folder, as links to this program.",
        LinkFlags,
        link_names,
        examples=("finial link-names ~/.local/bin", "finial link-names -force /usr/local/bin"),
        takes_arguments=True,
    ),
)
