"""A command: its flags, what it does, how its help reads. One value, which help, docs and tests share.

A command module holds `COMMANDS`, a tuple of these. A command answers with its exit code or raises a
FinialError, which the door (`finial.cli.main`) prints.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from finial.cli.console import Console
from finial.cli.flags import usage

Run = Callable[[Any, Console], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Command:
    """`path` is what is typed after the program's name: `entry create`."""

    path: str
    summary: str
    flags: type[object]
    run: Run
    examples: tuple[str, ...] = ()
    usage_name: str = ""  # how SPIRE heads this command's usage, where that is not its path
    takes_arguments: bool = False  # what follows the flags is given to `run` as console.arguments
    daemon: bool = False  # runs long and serves many: on uvloop

    def help(self) -> str:
        """SPIRE's first line and flags, then what Finial adds: the summary and examples."""
        text = f"Usage of {self.usage_name or self.path}:\n{usage(self.flags)}\n{self.summary}\n"
        if self.examples:
            text += "\nExamples:\n" + "".join(f"  {one}\n" for one in self.examples)
        return text
