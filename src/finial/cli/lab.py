"""`up`, `status`, `verify`, `down`, and the same as `lab setup-clusters` and the like."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.lab_text import CONSOLE_INSTALL, status_table, summary, up_record
from finial.cli.links import typed
from finial.cli.output import read_format, to_line
from finial.errors import InvalidArgument, Unsupported

if TYPE_CHECKING:
    from finial.lab.checks import Check
    from finial.lab.lifecycle import Up
    from finial.lab.place import Place
    from finial.lab.state import State

SHORTEST_TTL = 4


def read_ttl(text: str) -> int:
    """Seconds. Below some an SVID is renewed more often than it can be used."""
    if not text.isdecimal() or not (int(text) == 0 or SHORTEST_TTL <= int(text) <= 86400):
        raise InvalidArgument(f"must be a number of seconds from {SHORTEST_TTL} to 86400")
    return int(text)


def read_database(text: str) -> str:
    if text != "embedded" and "=" not in text and not text.startswith(("postgres://", "postgresql://")):
        raise InvalidArgument("must be key=value pairs or a postgres:// address")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class LabFlags:
    dir: str = flag("", "The lab's folder (default $XDG_STATE_HOME/finial/lab or ~/.local/state/finial/lab)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFlags(LabFlags):
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpFlags(OutputFlags):
    fresh: bool = flag(False, "Take everything down first and build it anew")
    postgres: str = flag(
        "",
        "Keep the server's data in PostgreSQL: in the database of this connection string, or without one in a\n"
        'server that is run for the lab (pip install "finial[lab-postgres]")',
        read=read_database,
        bare="embedded",
    )
    ttl: int = flag(0, "Lifetime of every SVID in seconds, to watch rotations", read=read_ttl)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownFlags(OutputFlags):
    keep: bool = flag(False, "Keep the data, for a later up")


def place_of(flags: LabFlags) -> Place:
    from finial.lab.place import Place, default_folder

    return Place.at(Path(flags.dir) if flags.dir else default_folder())


async def up(flags: UpFlags, console: Console) -> int:
    place = place_of(flags)
    done = await brought_up(flags, place, console)
    if flags.output == "json":
        console.out(to_line(up_record(place, done)))
    else:
        where = f" -dir {flags.dir}" if flags.dir else ""
        console.out(summary(place, done, where, typed(), await way_in(place, done.state)), end="")
    return 0


async def way_in(place: Place, found: State) -> str:
    """A link to the lab's console; empty where it has none. Raises: Unavailable."""
    if "console" not in found.ports:
        return ""
    from finial.console.access import Role
    from finial.console.links import ask

    return await ask(str(place.console_socket), Role.ADMIN)


async def start_dashboard(flags: OutputFlags, console: Console) -> int:
    """The lab starts it by itself: where it is, and a way in."""
    from finial.lab import lifecycle

    place = place_of(flags)
    link = await way_in(place, lifecycle.required(place))
    if not link:
        raise Unsupported("the lab has no console", hint=f"{CONSOLE_INSTALL}, then finial up -fresh")
    address = link.partition("/login?")[0]
    told = {"address": address, "link": link}
    console.out(to_line(told) if flags.output == "json" else f"console  {address}\nsign in  {link}")
    return 0


async def brought_up(flags: UpFlags, place: Place, console: Console) -> Up:
    """Progress is told on standard error as it goes."""
    from finial.doctor.laptop import unprotected
    from finial.doctor.machine import ThisMachine
    from finial.lab import lifecycle

    began = time.monotonic()

    def tell(record: Mapping[str, Any]) -> None:
        if "phase" in record:
            console.progress("")
            console.err(f"  {record['phase']:<10} {record['seconds']:6.2f} s")
            console.stderr.flush()
            console.progress("  going on ...")

    console.progress("  starting ...")
    try:
        done = await lifecycle.up(place, ttl=flags.ttl, fresh=flags.fresh, tell=tell, postgres=flags.postgres)
    finally:
        console.progress("")
    for name, (wanted, port) in done.moved.items():
        console.err(f"  port {wanted} is taken: {name} has {port}")
    for lack in unprotected(ThisMachine()):
        console.err(f"  not protected: {lack}")
    console.err(f"  {'up' if done.started else 'all well'} after {time.monotonic() - began:.2f} s")
    return done


async def status(flags: OutputFlags, console: Console) -> int:
    """Exit 1 if a process is not up."""
    from finial.lab import lifecycle

    place = place_of(flags)
    lifecycle.required(place)
    found = await lifecycle.ask(place, {"verb": "status"})
    console.out(to_line(found) if flags.output == "json" else status_table(found))
    return 0 if all(one["up"] for one in found["processes"]) else 1


async def verify(flags: OutputFlags, console: Console) -> int:
    """Exit 1 if a check does not come out as it must."""
    from finial.lab import checks

    seen = await checked(place_of(flags), console)
    wrong = sum(not one.ok for one in seen)
    if flags.output == "json":
        console.out(to_line([one.record() for one in seen]))
    else:
        console.out(checks.table(seen), end="")
        console.out(f"{len(seen) - wrong} of {len(seen)} checks are right")
    return 1 if wrong else 0


async def checked(place: Place, console: Console) -> list[Check]:
    """What the services saw, and what a process that is vouched for by nothing sees; counted where a person waits."""
    from finial.lab import checks, lifecycle, stranger
    from finial.lab.topology import LAB

    lifecycle.required(place)
    seen: list[Check] = []
    async for one in lifecycle.asked(place, {"verb": "verify"}):
        if "what" in one:
            seen.append(checks.Check.of(one))
            console.progress(f"{len(seen)} checks: {one['what']}")
    console.progress("")
    seen.append(checks.unvouched("a stranger: this command", await stranger.ask(place.endpoint), LAB))
    return seen


async def down(flags: DownFlags, console: Console) -> int:
    from finial.lab import lifecycle

    place = place_of(flags)
    there = await lifecycle.down(place, keep=flags.keep)
    if flags.output == "json":
        console.out(to_line({"folder": str(place.folder), "ended": there, "kept": there and flags.keep}))
    elif not there:
        console.err(f'nothing to end in "{place.folder}"')
    else:
        console.out("ended; the data is kept" if flags.keep else "ended; nothing is left behind")
    return 0


async def fresh_install(flags: OutputFlags, console: Console) -> int:
    """Tears down, builds, and verifies: exit 1 if a check does not come out as it must."""
    building = UpFlags(dir=flags.dir, output=flags.output, fresh=True)
    if flags.output != "json":
        await up(building, console)
        return await verify(flags, console)
    place = place_of(flags)
    done = await brought_up(building, place, console)
    seen = await checked(place, console)
    console.out(to_line({"up": up_record(place, done), "checks": [one.record() for one in seen]}))
    return 0 if all(one.ok for one in seen) else 1


async def restart(flags: OutputFlags, console: Console) -> int:
    from finial.lab import lifecycle

    if len(console.arguments) != 1:
        raise InvalidArgument("restart wants one name", hint="finial status shows the names")
    place = place_of(flags)
    lifecycle.required(place)
    await lifecycle.ask(place, {"verb": "restart", "name": console.arguments[0]})
    await lifecycle.ask(place, {"verb": "wait"})
    name = console.arguments[0]
    console.out(to_line({"restarted": name}) if flags.output == "json" else f"{name} was started again")
    return 0


COMMANDS = (
    Command(
        "up",
        "Starts a trust domain on this machine: server, agent, and services that talk mTLS; repairs one that runs.",
        UpFlags,
        up,
        examples=(
            "finial up",
            "finial up -fresh",
            "finial up -ttl 10",
            "finial up -postgres",
            "finial up -output json",
        ),
    ),
    Command(
        "status",
        "Shows every process, its SVID and its calls.",
        OutputFlags,
        status,
        examples=("finial status",),
    ),
    Command(
        "verify",
        "Fetches SVIDs, calls every service, and tries what must be denied.",
        OutputFlags,
        verify,
        examples=("finial verify", "finial verify -output json"),
    ),
    Command(
        "down",
        "Ends every process and removes every file of it.",
        DownFlags,
        down,
        examples=("finial down -keep",),
    ),
    Command(
        "lab fresh-install",
        "Tears down, builds anew, verifies.",
        OutputFlags,
        fresh_install,
        ("finial lab fresh-install",),
    ),
    Command("lab setup-clusters", "The same as up.", UpFlags, up, ("finial lab setup-clusters",)),
    Command("lab verify-setup", "The same as verify.", OutputFlags, verify, ("finial lab verify-setup",)),
    Command(
        "lab start-dashboard",
        "Shows where the console of the lab is, with a link that signs in once.",
        OutputFlags,
        start_dashboard,
        ("finial lab start-dashboard",),
    ),
    Command(
        "lab restart",
        "Ends one process, which the launcher starts again.",
        OutputFlags,
        restart,
        examples=("finial lab restart agent",),
        takes_arguments=True,
    ),
)
