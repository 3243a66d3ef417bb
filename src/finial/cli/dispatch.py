"""From words to a command: finds it, reads its flags, runs it, prints its error.

Exit codes are SPIRE's: 0 done, 1 any error, 127 no such command. `entry create -wait` adds 3 and 4.
"""

from __future__ import annotations

from finial import SPIRE_VERSION, __version__
from finial.cli import UNKNOWN_COMMAND, flags, tree
from finial.cli.command import Command
from finial.cli.console import Console
from finial.errors import FinialError

VERSION_FLAGS = ("-version", "--version", "-v", "--v")
HELP_FLAGS = ("-h", "--h", "-help", "--help")


def dispatch(words: list[str], console: Console) -> int:
    """Runs the command that the words name."""
    table = tree.PROGRAMS[console.program]
    if words and words[0] in VERSION_FLAGS:
        console.err(
            SPIRE_VERSION if not console.own_name else f"finial {__version__} (SPIRE {SPIRE_VERSION})"
        )
        return 0
    if not words or words[0] in HELP_FLAGS:
        console.err(overview(console.program), end="")
        return 0 if words else UNKNOWN_COMMAND
    if words[0] not in table:
        console.err(overview(console.program), end="")
        if console.own_name:
            console.err(f'\nfinial: there is no command "{words[0]}"{tree_hint(words[0], list(table))}')
        return UNKNOWN_COMMAND
    found = tree.find(console.program, words)
    if found is None:
        return incomplete(words, console)
    return execute(*found, console)


def incomplete(words: list[str], console: Console) -> int:
    """A group without a known verb: what there is. By SPIRE's names with each usage before, as SPIRE does."""
    asked = any(word in HELP_FLAGS for word in words)
    group = tree.group(console.program, words)
    if not console.own_name:
        for command in group.values():
            console.err(command.help())
    console.err("This command is accessed by using one of the subcommands below.\n\nSubcommands:")
    width = max(map(len, group)) + 4
    for verb, command in group.items():
        console.err(f"    {verb:<{width}}{command.summary}")
    return 0 if asked else 1


def execute(command: Command, arguments: list[str], console: Console) -> int:
    try:
        values, rest = flags.parse(command.flags, arguments)
    except flags.HelpRequested:
        console.err(command.help(), end="")
        return 0
    except flags.UsageError as wrong:
        console.err(wrong.message)
        console.err(command.help(), end="")
        return 1
    console.arguments = tuple(rest)
    try:
        return _run_in_loop(command, values, console)
    except FinialError as error:
        return report(error, console)


def _run_in_loop(command: Command, values: object, console: Console) -> int:
    """The loop's modules are loaded here: help and wrong flags are answered without them."""
    import asyncio

    async def run() -> int:
        return await command.run(values, console)

    if command.daemon:
        import uvloop

        return uvloop.run(run())
    return asyncio.run(run())


def report(error: FinialError, console: Console) -> int:
    """`Error: what failed: why`, as spire-server; spire-agent prints the bare text."""
    console.err(error.message if console.program == "spire-agent" else f"Error: {error.message}")
    if error.hint and console.own_name:
        console.err(f"hint: {error.hint}")
    return 1


def overview(program: str) -> str:
    rows = tree.PROGRAMS[program]
    width = max(map(len, rows)) + 4
    lines = [f"    {name:<{width}}{summary}\n" for name, (_, summary) in sorted(rows.items())]
    return f"Usage: {program} [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n" + "".join(
        lines
    )


def tree_hint(word: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
