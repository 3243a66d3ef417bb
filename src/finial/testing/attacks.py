"""`python -m finial.testing.attacks FOLDER`: a server, an agent and turncoats in the folder that is given; prints what each one got.

It is the launcher's own code that starts and vouches for them, so only the services are not the real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from finial.errors import FinialError
from finial.lab import channel as channels
from finial.lab import domain, process, vouched
from finial.lab.channel import Channel
from finial.lab.handing import Handing
from finial.lab.members import Members
from finial.lab.place import Place
from finial.lab.ports import METRICS_PORTS
from finial.lab.process import Child
from finial.lab.state import State
from finial.lab.topology import LAB
from finial.runtime.clock import SystemClock
from finial.runtime.process import hide

ATTACKS = ("none", "spawn", "fork", "exec-itself", "exec-hidden", "exec-shell", "exec-after-fork")
SYS_PTRACE, SYS_PIDFD_GETFD = 101, 438
PTRACE_ATTACH = 16
TURNCOAT = "finial.testing.turncoat"
NAME = "user-service"


async def outcome(members: Members, attack: str, agent_is_up: asyncio.Event) -> str:
    child, channel = await members.vouched(NAME, (TURNCOAT, attack), agent_is_up)
    await child.ended()
    await channel.close()
    members.handing.forget(child)
    child.close()
    return process.last_words(child.log)


async def copy_by_hand(members: Members) -> str:
    """The same interpreter and script as a service that is vouched for, by whoever knows how to start it."""
    ours, theirs = channels.pair()
    reading, writing = os.pipe()
    arguments = ("-m", TURNCOAT, "none", *vouched.options(theirs.fileno(), writing))
    child = process.start(NAME, arguments, members.place.log(NAME), pass_fds=(theirs.fileno(), writing))
    for descriptor in (theirs.detach(), reading, writing):
        os.close(descriptor)
    async with await Channel.over(ours) as channel:
        await channel.receive()
        await channel.send({"go": {"endpoint": members.place.endpoint}})
        await child.ended()
    child.close()
    return process.last_words(child.log)


async def reach_into(members: Members, agent: Child, agent_is_up: asyncio.Event) -> dict[str, str]:
    """What a neighbour of the same user can do to a vouched process and to the agent."""
    child, channel = await members.vouched(NAME, (TURNCOAT, "linger"), agent_is_up)
    tries: dict[str, Callable[[int, int], object]] = {
        "ptrace": lambda pid, _: _call(SYS_PTRACE, PTRACE_ATTACH, pid, 0, 0),
        "memory": lambda pid, _: open(f"/proc/{pid}/mem", "rb").close(),
        "environment": lambda pid, _: Path(f"/proc/{pid}/environ").read_bytes(),
        "descriptors": lambda pid, _: os.readlink(f"/proc/{pid}/fd/0"),
        "descriptor by pidfd": lambda _, pidfd: _call(SYS_PIDFD_GETFD, pidfd, 0, 0),
    }
    found = {}
    for whom, one in (("service", child), ("agent", agent)):
        for what, attempt in tries.items():
            try:
                attempt(one.started.pid, one.process.pidfd)
                found[f"{what} of the {whom}"] = "possible"
            except PermissionError:
                found[f"{what} of the {whom}"] = "refused"
    await channel.close()
    await child.end()
    return found


def _call(*arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(*arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def listening_paths() -> list[str]:
    """Every Unix socket with a name. The hand-over has none."""
    return [line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()[1:] if "/" in line]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def trust_domain(place: Place) -> AsyncIterator[tuple[Members, Child]]:
    handing = Handing()
    ports = {name: free_port() for name in ("server", *METRICS_PORTS)}
    members = Members(place, LAB, ports, handing, SystemClock(), lambda _: None)
    place.make()
    domain.write_configs(place, LAB, State(ports))
    server = await members.server()
    agent, _ = await members.agent()
    try:
        yield members, agent
    finally:
        with contextlib.suppress(FinialError):
            await agent.end()
        await server.end()
        handing.close()


async def main(folder: Path) -> None:
    up = asyncio.Event()
    up.set()
    place = Place.at(folder)
    hide()
    async with trust_domain(place) as (members, agent):
        found = {attack: await outcome(members, attack, up) for attack in ATTACKS}
        found["copy by hand"] = await copy_by_hand(members)
        if sys.platform == "linux":  # what follows is about /proc, and its words
            found |= await reach_into(members, agent, up)
            named = [path for path in listening_paths() if path.startswith(str(place.run))]
            found["sockets with a path"] = " ".join(sorted(Path(path).name for path in set(named)))
    print(json.dumps(found))  # noqa: T201 - a program


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
