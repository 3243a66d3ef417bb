"""`logs`: what the processes of a lab wrote, the last lines of it, and what comes.

Each process has a file of its own; with `-output json` each line is an object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.lab import OutputFlags, place_of
from finial.cli.output import to_line
from finial.errors import NotFound

LOG_PAUSE = 0.2  # seconds between two looks at a log that is followed
Show = Callable[[str, str, Console], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsFlags(OutputFlags):
    follow: bool = flag(False, "Go on with what is written from now on", name="f")
    lines: int = flag(20, "How many of the last lines to show of each log", name="n")


async def logs(flags: LogsFlags, console: Console) -> int:
    place = place_of(flags)
    names = console.arguments or tuple(sorted(one.stem for one in place.logs.glob("*.log")))
    known = {name: place.log(name) for name in names}
    show = show_json if flags.output == "json" else show_text(several=len(known) > 1)
    if not place.logs.is_dir():
        raise NotFound(f'no lab is in "{place.folder}"', hint="finial up starts one")
    missing = [name for name, path in known.items() if not path.is_file()]
    if missing or not known:
        there = ", ".join(sorted(one.stem for one in place.logs.glob("*.log"))) or "none"
        raise NotFound(f'no log "{missing[0] if missing else ""}" in "{place.logs}": there are {there}')
    ends = {name: show_last(name, path, flags.lines, show, console) for name, path in known.items()}
    while flags.follow:
        console.stdout.flush()
        await asyncio.sleep(LOG_PAUSE)
        for name, path in known.items():
            ends[name] = show_new(name, path, ends[name], show, console)
    return 0


def show_last(name: str, path: Path, count: int, show: Show, console: Console) -> int:
    """Answers where it ended."""
    data = path.read_bytes()
    lines = data.decode(errors="replace").splitlines()
    for line in lines[-count:] if count > 0 else []:
        show(name, line, console)
    return len(data)


def show_new(name: str, path: Path, end: int, show: Show, console: Console) -> int:
    """Whole lines only; a log that became shorter begins anew."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return 0
    fresh = data[end if len(data) >= end else 0 :]
    whole = fresh[: fresh.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        show(name, line, console)
    return len(data) - len(fresh) + len(whole)


def show_text(*, several: bool) -> Show:
    """The name in front, where there are several."""

    def show(name: str, line: str, console: Console) -> None:
        console.out(f"{name:<18} {line}" if several else line)

    return show


def show_json(name: str, line: str, console: Console) -> None:
    """One object a line."""
    console.out(to_line({"name": name, "line": line}))


COMMANDS = (
    Command(
        "logs",
        "Shows the logs of all processes, or of those that are named.",
        LogsFlags,
        logs,
        examples=("finial logs agent", "finial logs -f payment-api user-service"),
        takes_arguments=True,
    ),
)
