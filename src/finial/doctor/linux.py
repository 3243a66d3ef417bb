"""What Linux protects, by its kernel and settings."""

from __future__ import annotations

from collections.abc import Iterator

from finial.doctor.finding import Finding, Result
from finial.doctor.machine import Machine

YAMA = "Yama"


def protection(machine: Machine) -> Iterator[Finding]:
    yield platform(machine)
    yield pinning(machine)
    yield tracing(machine)
    yield memory_files(machine)


def platform(machine: Machine) -> Finding:
    _, release = machine.system()
    why = "the agent knows its callers by what only the kernel can tell"
    return Finding("platform", Result.OK, f"Linux {release}", why)


def pinning(machine: Machine) -> Finding:
    why = "without SO_PEERPIDFD a pid that is reused between connect and accept goes unseen"
    if machine.pins_peers():
        return Finding("pidfd of callers", Result.OK, "the kernel pins the process that connected", why)
    step = "use a kernel of 6.5 or later"
    return Finding("pidfd of callers", Result.WARN, "callers are known by their number", why, step)


def memory_files(machine: Machine) -> Finding:
    why = "private keys reach OpenSSL through a file in memory, never through a disk"
    if machine.has_memfd():
        return Finding("memfd", Result.OK, "can be made", why)
    return Finding("memfd", Result.FAIL, "cannot be made", why, "allow memfd_create in the sandbox's filter")


def tracing(machine: Machine) -> Finding:
    why = "processes of one user may read each other's memory, keys included, unless Yama forbids it"
    scope = machine.ptrace_scope()
    if scope:
        return Finding(YAMA, Result.OK, f"ptrace_scope is {scope}", why)
    apart = "run what must not trust each other as different users"
    seen, step = "Yama is not there", apart
    if scope == 0:
        seen, step = "ptrace_scope is 0", f"{apart}, or: sysctl kernel.yama.ptrace_scope=1"
    return Finding(YAMA, Result.WARN, seen, why, step)
