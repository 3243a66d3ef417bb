"""`finial man DIR`: a manual page for every command, from the same declarations as its help.

Out: `finial.1` and one `finial-entry-create.1` a command, in the man macros of roff, which man-db and mandoc
read. The text depends on the declarations and the version only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from finial import SPIRE_VERSION, __version__
from finial.cli import tree
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.files import write_file
from finial.cli.flags import Declared, UsageError, declared, flag, shown
from finial.cli.output import read_format, to_line

PROGRAM = "finial"
SPIRE_NAMES = ("spire-server", "spire-agent")
VALUES = {"int": "number", "duration": "duration"}
OVERVIEW = (
    "Finial gives workloads SPIFFE identities: a server, an agent, and the commands to run and to ask them. "
    f"It speaks the protocols and reads the configuration of SPIRE {SPIRE_VERSION}."
)
EXIT_STATUS = (
    "0 done, 1 an error, 127 no such command, 130 interrupted; where a command has others, it says so."
)
FLAG_RULES = (
    "A flag may be written -flag value, --flag value, -flag=value or --flag=value; flags end at the first "
    "argument that is none, or at --."
)


@dataclass(frozen=True, slots=True)
class ManFlags:
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def man(flags: ManFlags, console: Console) -> int:
    if len(console.arguments) != 1:
        raise UsageError("man wants exactly one folder", hint="finial man ~/.local/share/man/man1")
    folder = Path(console.arguments[0])
    written = pages()
    for name, text in written.items():
        write_file(folder / name, text.encode(), 0o644)
    if flags.output == "json":
        console.out(to_line({"folder": str(folder), "pages": list(written)}))
    else:
        console.out(f"{len(written)} pages written to {folder}; try: man -l {folder / 'finial.1'}")
    return 0


def pages() -> dict[str, str]:
    """Every page by the name of its file."""
    commands = [one for first in tree.OWN for one in tree.commands(PROGRAM, first)]
    made = {"finial.1": overview(commands)}
    return made | {f"{page_name(one)}.1": page(one) for one in commands}


def page_name(command: Command) -> str:
    return f"{PROGRAM}-{command.path.replace(' ', '-')}"


def overview(commands: list[Command]) -> str:
    return "".join(
        [
            *head(PROGRAM, "SPIFFE identities for workloads"),
            ".SH SYNOPSIS\n.B finial\n.I command\n.RI [ flags ]\n",
            f".SH DESCRIPTION\n{text(OVERVIEW)}\n.PP\n{text(FLAG_RULES)}\n",
            ".SH COMMANDS\n",
            *(f".TP\n.B {text(f'finial {one.path}')}\n{text(one.summary)}\n" for one in commands),
            f".SH EXIT STATUS\n{text(EXIT_STATUS)}\n",
            ".SH SEE ALSO\nA page for each command, as\n.BR finial\\-entry\\-create (1)\n",
        ]
    )


def page(command: Command) -> str:
    options = declared(command.flags)
    parts = [
        *head(page_name(command), command.summary.rstrip(".")),
        f".SH SYNOPSIS\n.B {text(f'finial {command.path}')}\n",
        ".RI [ flags ]\n" if options else "",
        ".RI [ arguments ...]\n" if command.takes_arguments else "",
        f".SH DESCRIPTION\n{text(command.summary)}\n",
        *(f".PP\nIn SPIRE:\n.B {text(name)}\n" for name in spire_names(command)),
        ".SH OPTIONS\n" if options else "",
        *map(option, options),
        ".SH EXAMPLES\n.nf\n",
        *(f"{text(one)}\n" for one in command.examples),
        f".fi\n.SH EXIT STATUS\n{text(EXIT_STATUS)}\n",
        ".SH SEE ALSO\n.BR finial (1)\n",
    ]
    return "".join(parts)


def head(name: str, summary: str) -> Iterator[str]:
    """With the version where others have a date."""
    yield f'.TH "{name.upper()}" "1" "" "Finial {__version__}" "Finial manual"\n'
    yield f".SH NAME\n{text(name)} \\- {text(summary)}\n"


def option(one: Declared) -> str:
    value = "" if one.kind == "bool" else f" {VALUES.get(one.kind, 'text')}"
    default = f" The default is {shown(one.default)}." if one.has_default else ""
    repeated = " May be repeated." if one.kind == "list" and "epeated" not in one.help else ""
    line = f".B {text('-' + one.name)}\n" if not value else f'.BI {text("-" + one.name)} " {value[1:]}"\n'
    return f".TP\n{line}{text(one.help.rstrip('.') + '.' + repeated + default)}\n"


def spire_names(command: Command) -> Iterator[str]:
    for program in SPIRE_NAMES:
        typed = tree.typed(program, command)
        if typed.split()[0] in tree.PROGRAMS[program] and command in tree.commands(program, typed.split()[0]):
            yield f"{program} {typed}"


def text(plain: str) -> str:
    """Plain text as roff: nothing in it is a request or an escape, a hyphen is the one that is typed."""
    escaped = " ".join(plain.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


COMMANDS = (
    Command(
        "man",
        "Writes the manual pages of every command into a folder.",
        ManFlags,
        man,
        examples=("finial man ~/.local/share/man/man1",),
        takes_arguments=True,
    ),
)
