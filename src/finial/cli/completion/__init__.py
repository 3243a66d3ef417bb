"""`finial completion bash|zsh|fish`: a script that completes commands, flags and values in a shell.

In: the declarations of every command. Out: one script that holds them as tables, for `finial` and for the
names that `finial link-names` makes. A shell starts a program for one thing only: what a server has, as the
IDs of its entries, it asks of `finial completion candidates`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from finial.cli.command import Command
from finial.cli.completion import bash, fish, zsh
from finial.cli.completion.candidates import ask
from finial.cli.completion.table import table
from finial.cli.console import Console
from finial.cli.flags import UsageError

SHELLS = MappingProxyType({"bash": bash.script, "zsh": zsh.script, "fish": fish.script})


@dataclass(frozen=True, slots=True)
class CompletionFlags:
    pass


async def completion(_: CompletionFlags, console: Console) -> int:
    if len(console.arguments) != 1 or console.arguments[0] not in SHELLS:
        raise UsageError(
            f"completion wants the name of a shell: {', '.join(SHELLS)}",
            hint="source <(finial completion bash)",
        )
    console.out(SHELLS[console.arguments[0]](table()), end="")
    return 0


async def show_candidates(_: CompletionFlags, console: Console) -> int:
    """One a line, a tab and what it is after it. Never an error: a shell shows what it gets."""
    for value, told in await ask(console.arguments):
        console.out(f"{value}\t{told}" if told else value)
    return 0


COMMANDS = (
    Command(
        "completion",
        "Prints a script that completes commands, flags and values in bash, zsh or fish.",
        CompletionFlags,
        completion,
        examples=(
            "finial completion bash > ~/.local/share/bash-completion/completions/finial",
            "finial completion zsh > ~/.zfunc/_finial",
            "finial completion fish > ~/.config/fish/completions/finial.fish",
        ),
        takes_arguments=True,
    ),
    Command(
        "completion candidates",
        "Prints what the last word may become of what a server has; the shells' scripts call it.",
        CompletionFlags,
        show_candidates,
        examples=("finial completion candidates -- finial entry show -entryID web",),
        takes_arguments=True,
    ),
)
