"""What the commands do: bring a lab up or repair it, ask it, take it down.

`up` on a lab that runs waits until all of it is well; on one whose launcher is gone it ends what that left
behind and starts anew with the data that is there; otherwise it makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec

from finial.errors import FailedPrecondition, FinialError, NotFound, Unavailable
from finial.lab import channel as channels
from finial.lab import ports, process, state
from finial.lab.channel import Channel, Record
from finial.lab.place import Place, default_folder
from finial.lab.postgres import parts
from finial.lab.process import last_words
from finial.lab.state import EMBEDDED, State
from finial.lab.topology import LAB

CONTROL_PAUSE = 0.1  # seconds between two looks for the control socket
LAUNCHER_GRACE = 30.0  # seconds; it ends its own children first
PORT_TRIES = 3
TAKEN = "address already in use"
Tell = Callable[[Record], None]


@dataclass(frozen=True, slots=True)
class Up:
    """What `up` found or made. `moved`: name -> (wanted port, the free one it got)."""

    status: Record
    state: State
    started: bool
    moved: Mapping[str, tuple[int, int]]


async def up(place: Place, *, ttl: int, fresh: bool, tell: Tell, postgres: str = "") -> Up:
    """`ttl`: lifetime of every SVID in seconds, 0 for the services' own. `postgres`: as in State; a lab that
    is there keeps its own where it is empty. `tell` gets records of progress.

    Raises: what kept it from starting, and then nothing is left running.
    """
    if fresh:
        await down(place, keep=False)
    found = state.read(place.state_file)
    if found is not None and running(found):
        if ttl and ttl != found.ttl:
            raise FailedPrecondition("the lab runs with other lifetimes", hint="finial up -fresh rebuilds it")
        _same_database(found, postgres)
        return Up(await all_well(place, found), found, started=False, moved={})
    if found is not None:
        _same_database(found, postgres)
        await sweep(found)
    postgres = found.postgres if found else postgres
    if postgres == EMBEDDED:
        parts()
    place.make()
    wanted = ports.defaults(LAB.names) | dict(found.ports if found else {})
    if postgres == EMBEDDED:
        wanted.setdefault("postgres", ports.POSTGRES_PORT)
    if has_console():
        wanted.setdefault("console", ports.CONSOLE_PORT)
    else:
        wanted.pop("console", None)
    fresh_state = State(wanted, ttl, agents=found.agents if found else (), postgres=postgres)
    fresh_state = await _launch_on_free_ports(place, fresh_state, tell)
    moved = {name: (wanted[name], port) for name, port in fresh_state.ports.items() if port != wanted[name]}
    status = await ask(place, {"verb": "status"})
    return Up(status, state.read(place.state_file) or fresh_state, started=True, moved=moved)


def has_console() -> bool:
    """Whether what the console is made of is installed."""
    return find_spec("fastapi") is not None


def _same_database(found: State, postgres: str) -> None:
    if postgres and postgres != found.postgres:
        raise FailedPrecondition(
            f"the lab has another database: {found.database}", hint="finial up -fresh rebuilds it"
        )


async def all_well(place: Place, found: State) -> Record:
    """The status once every service has talked, also of a launcher that is only starting. Raises: what it
    ends with, Unavailable if it goes away."""
    while True:
        try:
            return await ask(place, {"verb": "wait"})
        except Unavailable:
            if not running(found):
                raise
        await asyncio.sleep(CONTROL_PAUSE)


async def _launch_on_free_ports(place: Place, wanted: State, tell: Tell, tries: int = PORT_TRIES) -> State:
    """The state with the ports that were taken. Another process may take a port between the look and the
    bind: then the look is repeated. Raises: as `launch`."""
    chosen = replace(wanted, ports=ports.choose(wanted.ports))
    state.write(place.state_file, chosen)
    try:
        await launch(place, tell)
    except FailedPrecondition as why:
        if TAKEN not in why.message or tries == 1:
            raise
        return await _launch_on_free_ports(place, wanted, tell, tries - 1)
    return chosen


async def launch(place: Place, tell: Tell) -> None:
    """The launcher, detached, until all is ready. Raises: its reason; FailedPrecondition if it just ended."""
    ours, theirs = channels.pair()
    with theirs:
        arguments = (
            "-m",
            "finial.lab.launcher",
            "--dir",
            str(place.folder),
            "--progress",
            str(theirs.fileno()),
        )
        launcher = process.start(
            "launcher", arguments, place.log("launcher"), pass_fds=(theirs.fileno(),), detached=True
        )
    try:
        async with await Channel.over(ours) as progress:
            async for record in progress:
                if "failed" in record:
                    raise FailedPrecondition(record["failed"], hint=record["hint"])
                tell(record)
                if "ready" in record:
                    return
        await launcher.ended()
        said = last_words(place.log("launcher"))
        raise FailedPrecondition(f"the launcher ended: {said}", hint=f"see {place.log('launcher')}")
    except BaseException:
        await launcher.end(LAUNCHER_GRACE)
        raise


async def down(place: Place, *, keep: bool) -> bool:
    """Ends every process and removes every file; False: there was nothing. With `keep` the data stays.

    Raises: FailedPrecondition if a launcher runs that the state does not name.
    """
    try:
        found = state.read(place.state_file)
    except FailedPrecondition:
        found = State({})
    if found is None:
        return False
    if found.launcher is not None:
        await process.end(found.launcher, LAUNCHER_GRACE)
        found = _read_again(place, found)
    await sweep(found)
    with place.alone():
        if keep:
            state.write(place.state_file, replace(found, launcher=None, processes={}))
        place.remove(keep=keep)
    return True


async def sweep(found: State) -> None:
    """Ends what a launcher that was killed left behind, services first."""
    for started in reversed(tuple(found.processes.values())):
        await process.end(started)


def running(found: State) -> bool:
    return found.launcher is not None and process.alive(found.launcher)


def required(place: Place) -> State:
    """The state of the lab that runs there. Raises: NotFound."""
    found = state.read(place.state_file)
    if found is None or not running(found):
        raise NotFound(f'no lab runs in "{place.folder}"', hint="finial up starts one")
    return found


def default_lab(environment: Mapping[str, str] = os.environ) -> Place | None:
    """The place of the lab that runs in the default folder; None if none does, or nothing tells where that
    is. Raises nothing."""
    if not (environment.get("HOME") or environment.get("XDG_STATE_HOME")):
        return None
    place = Place.at(default_folder(environment), environment)
    with contextlib.suppress(FinialError, OSError):
        found = state.read(place.state_file)
        if found is not None and running(found):
            return place
    return None


async def ask(place: Place, request: Record) -> Record:
    """One answer of the launcher. Raises: its refusal, Unavailable."""
    async for answer in asked(place, request):
        return answer
    raise FailedPrecondition("the launcher ended", hint=f"see {place.log('launcher')}")


async def asked(place: Place, request: Record) -> AsyncGenerator[Record, None]:
    """Each answer until {"done": true}. Raises: its refusal, Unavailable."""
    async with await Channel.to(str(place.control_socket)) as channel:
        await channel.send(request)
        async for answer in channel:
            if "failed" in answer:
                raise FailedPrecondition(answer["failed"], hint=answer["hint"])
            yield answer
            if "done" in answer:
                return


def _read_again(place: Place, before: State) -> State:
    with contextlib.suppress(FinialError):
        return state.read(place.state_file) or before
    return before
