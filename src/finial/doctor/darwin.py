"""What macOS protects, and what it does not: docs/decisions/0008-the-mac.md."""

from __future__ import annotations

from collections.abc import Iterator

from finial.doctor.finding import Finding, Result
from finial.doctor.machine import Machine


def protection(machine: Machine) -> Iterator[Finding]:
    yield platform(machine)
    yield tokens(machine)
    yield programs()
    yield memory()


def platform(machine: Machine) -> Finding:
    _, release = machine.system()
    why = "this side is written against Apple's sources and documentation, and was not tried on hardware"
    step = "try it with nothing at stake, and report what you see"
    return Finding("platform", Result.WARN, f"macOS, Darwin {release}", why, step)


def tokens(machine: Machine) -> Finding:
    why = (
        "an audit token tells a caller from a later process with its number, or another program in its place"
    )
    if machine.pins_peers():
        return Finding("tokens of callers", Result.OK, "the kernel names the process that calls", why)
    return Finding("tokens of callers", Result.FAIL, "the kernel tells none", why, "use macOS 11 or later")


def programs() -> Finding:
    why = "whoever may write there can replace the file while the program runs, and unix:sha256 tells the new one"
    step = "tell workloads apart by user, or by programs in folders that root alone may write"
    return Finding("digests", Result.WARN, "a program is read where its path leads", why, step)


def memory() -> Finding:
    why = (
        "processes of one user may read each other's memory, keys included, where macOS lets the reader debug"
    )
    seen = "debuggers are kept out by ptrace, not by task_for_pid"
    step = "run what must not trust each other as different users, and leave System Integrity Protection on"
    return Finding("memory", Result.WARN, seen, why, step)
