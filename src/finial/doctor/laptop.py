"""What a whole trust domain on one machine needs, and what the platform cannot protect: a machine in, findings out.

A finding fails where something would not work; it warns where all works with a protection less.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from finial.doctor import darwin, linux
from finial.doctor.finding import Finding, Result
from finial.doctor.machine import Machine
from finial.runtime.sockets.bind import PATH_LIMIT

MAX_SOCKET_PATH = PATH_LIMIT - 1  # bytes, without the NUL
LEAST_FILES, ENOUGH_FILES = 256, 1024
GUARDED = (linux.YAMA,)  # the lab's processes keep their neighbours out themselves
SLACK = timedelta(days=1)  # of a file's date, which another machine may have written


def examine(
    machine: Machine, socket_path: Path, ports: Mapping[str, int], own: Collection[int] = ()
) -> Iterator[Finding]:
    """`socket_path`: the longest that will be made. `ports`: what listens, and where by default; `own`: of a trust
    domain that runs here already."""
    yield from protection(machine)
    yield open_files(machine)
    yield path_length(socket_path)
    yield clock(machine)
    yield from (port(machine, name, number, own) for name, number in ports.items())


def unprotected(machine: Machine) -> Iterator[str]:
    """What a trust domain that runs lacks on this platform, a sentence each."""
    for found in protection(machine):
        if found.result is not Result.OK and found.what not in GUARDED:
            yield f"{found.what}: {found.seen}: {found.why}"


def protection(machine: Machine) -> Iterator[Finding]:
    name, release = machine.system()
    if name == "linux":
        return linux.protection(machine)
    if name == "darwin":
        return darwin.protection(machine)
    why = "the agent knows its callers by what only the kernel can tell, each in its own way"
    return iter([Finding("platform", Result.FAIL, f"{name} {release}", why, "run Finial on Linux")])


def open_files(machine: Machine) -> Finding:
    why = "each connection of a workload takes a descriptor of the agent, and on Linux a pidfd besides"
    found = machine.open_files()
    if found >= ENOUGH_FILES:
        return Finding("open files", Result.OK, f"at most {found}", why)
    result = Result.WARN if found >= LEAST_FILES else Result.FAIL
    return Finding("open files", result, f"at most {found}", why, f"ulimit -n {ENOUGH_FILES}")


def path_length(path: Path) -> Finding:
    why = f"the path of a Unix socket has at most {MAX_SOCKET_PATH} bytes"
    size = len(bytes(path))
    if size <= MAX_SOCKET_PATH:
        return Finding("socket path", Result.OK, f"{size} bytes", why)
    step = "set XDG_RUNTIME_DIR to a folder with a shorter path"
    return Finding("socket path", Result.FAIL, f"{size} bytes: {path}", why, step)


def clock(machine: Machine) -> Finding:
    why = "identities are valid for minutes: a wrong clock makes each of them worthless"
    now = machine.now()
    if "faketime" in machine.variable("LD_PRELOAD"):
        return Finding("clock", Result.WARN, "libfaketime is loaded", why, "unset LD_PRELOAD")
    if now < machine.installed() - SLACK:
        seen = f"{now:%Y-%m-%d %H:%M} UTC is before these programs were installed"
        return Finding("clock", Result.FAIL, seen, why, "set the clock, or start a time service")
    return Finding("clock", Result.OK, f"{now:%Y-%m-%d %H:%M} UTC", why)


def port(machine: Machine, name: str, number: int, own: Collection[int] = ()) -> Finding:
    why = "a taken port is replaced by the next free one, which examples and scripts do not know"
    if number in own:
        return Finding(
            f"port of {name}", Result.OK, f"{number} is taken by the trust domain that runs here", why
        )
    if machine.is_free(number):
        return Finding(f"port of {name}", Result.OK, f"{number} is free", why)
    step = f"end what listens there: ss -ltnp 'sport = :{number}', on a Mac lsof -nP -iTCP:{number}"
    return Finding(f"port of {name}", Result.WARN, f"{number} is taken", why, step)
