"""From words to a command: finds it, reads its flags, runs it, prints its error.

Exit codes are SPIRE's: 0 done, 1 any error, 127 no such command. `entry create -wait` adds 3 and 4.
"""

from __future__ import annotations

from itertools import takewhile

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
        own = f"finial {__version__} (SPIRE {SPIRE_VERSION})"
        console.help(own if console.own_name else SPIRE_VERSION)
        return 0
    if words and words[0] in HELP_FLAGS:
        console.help(overview(console.program), end="")
        return 0
    if not words or words[0] not in table:
        console.err(overview(console.program), end="")
        tell_unknown(words[:1], list(table), console)
        return UNKNOWN_COMMAND
    found = tree.find(console.program, words)
    if found is None:
        return incomplete(words, console)
    return execute(*found, console)


def incomplete(words: list[str], console: Console) -> int:
    """A group without a known verb: what there is. By SPIRE's names with each usage before, as SPIRE does,
    and of groups of groups the names alone.
    """
    asked = any(word in HELP_FLAGS for word in words)
    show = console.help if asked else console.err
    group = tree.group(console.program, words)
    rows = {verb: command.summary for verb, command in group.items()}
    if not console.own_name and all(" " in verb for verb in group):
        rows = dict.fromkeys((verb.split()[0] for verb in group), "")
    elif not console.own_name:
        for command in group.values():
            show(command.help())
    show("This command is accessed by using one of the subcommands below.\n\nSubcommands:")
    width = max(map(len, rows)) + 4
    for verb, summary in rows.items():
        show(f"    {verb:<{width}}{summary}")
    typed = list(takewhile(lambda word: not word.startswith("-"), words))
    if len(typed) > 1 and not asked and not is_group(console.program, typed):
        tell_unknown(typed, [verb.split()[-1] for verb in group], console)
    return 0 if asked else 1


def is_group(program: str, typed: list[str]) -> bool:
    """Whether commands begin so: `agent api`."""
    names = (tree.typed(program, one).split() for one in tree.commands(program, typed[0]))
    return any(name[: len(typed)] == typed for name in names)


def tell_unknown(typed: list[str], known: list[str], console: Console) -> None:
    """Below the list of what there is, by our own name. `known`: what might be meant by the last word."""
    if not typed or not console.own_name:
        return
    import difflib

    near = difflib.get_close_matches(typed[-1], known, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    console.err(f'\nfinial: there is no command "{" ".join(typed)}"{meant}')


def execute(command: Command, arguments: list[str], console: Console) -> int:
    try:
        values, rest = flags.parse(command.flags, arguments)
    except flags.HelpRequested:
        console.help(command.help(), end="")
        return 0
    except flags.UsageError as wrong:
        return refuse(wrong, command, console)
    console.arguments = tuple(rest)
    if rest and not command.takes_arguments:
        console.hint(f'"{rest[0]}" is not read: `{command.path}` takes flags only, each with a - in front')
    try:
        return _run_in_loop(command, values, console)
    except FinialError as error:
        return report(error, console, one_of(command, values))


def refuse(wrong: flags.UsageError, command: Command, console: Console) -> int:
    """Go's order by SPIRE's names; else what is wrong comes last, where a person looks."""
    if not console.own_name:
        console.err(wrong.message)
    console.err(command.help(), end="")
    if console.own_name:
        console.err(f"\nError: {wrong.message}")
        console.hint(wrong.hint)
    return 1


def one_of(command: Command, values: object) -> str | None:
    """The next step for an error that may come of a flag whose value is none of those it can have."""
    for one in flags.declared(command.flags):
        value = getattr(values, one.field)
        if one.choices and value and value not in one.choices:
            return f"-{one.name} is one of {', '.join(one.choices)}"
    return None


def _run_in_loop(command: Command, values: object, console: Console) -> int:
    """The loop's modules are loaded here: help and wrong flags are answered without them."""
    import asyncio

    async def run() -> int:
        return await command.run(values, console)

    if command.daemon:
        import uvloop

        return uvloop.run(run())
    return asyncio.run(run())


def report(error: FinialError, console: Console, hint: str | None = None) -> int:
    """`Error: what failed: why`, as spire-server; spire-agent prints the bare text. `hint`: if the error has none."""
    console.err(error.message if console.program == "spire-agent" else f"Error: {error.message}")
    console.hint(error.hint or hint)
    return 1


def overview(program: str) -> str:
    rows = tree.PROGRAMS[program]
    width = max(map(len, rows)) + 4
    lines = [f"    {name:<{width}}{summary}\n" for name, (_, summary) in sorted(rows.items())]
    return f"Usage: {program} [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n" + "".join(
        lines
    )
