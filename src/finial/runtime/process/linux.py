"""Processes on Linux: /proc, as proc(5) has it."""

from __future__ import annotations

import ctypes
import os
import re
import sys

from finial.errors import Internal
from finial.runtime.process.ids import Ids

assert sys.platform == "linux"  # noqa: S101 - tells mypy, too

PR_SET_DUMPABLE = 4
STATUS_FIELDS = re.compile(rb"^(Uid|Gid|Groups):(.*)$", re.MULTILINE)


def ids(pid: int) -> Ids:
    """Of `status`, and not the owner of a file there: that is root for every process that is not dumpable. A
    name with a line break is written escaped: it adds no line."""
    fields = {name: values.split() for name, values in STATUS_FIELDS.findall(_read(f"/proc/{pid}/status"))}
    return Ids(int(fields[b"Uid"][1]), int(fields[b"Gid"][1]), tuple(map(int, fields[b"Groups"])))


def path(pid: int) -> str:
    """Of the program, for people and entries: as the process itself sees it."""
    return os.readlink(image(pid))


def image(pid: int) -> str:
    """Opens the very program that runs, also where its path names another by now, or none."""
    return f"/proc/{pid}/exe"


def start_time(pid: int) -> int:
    """Clock ticks since boot: with the number it names a process for good."""
    return stat(pid)[0]


def stat(pid: int) -> tuple[int, int]:
    """Start time (field 22) and start of the stack (28; 0 without the right to trace)."""
    line = _read(f"/proc/{pid}/stat")
    # The name, field 2, may hold spaces and parentheses: fields count from the last one.
    fields = line[line.rindex(b")") + 2 :].split()
    return int(fields[19]), int(fields[25])


def hide() -> None:
    """No other process of this user can trace this one, read its memory or take its descriptors. Root can.

    Raises: Internal if the kernel refuses. Source: prctl(2).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise Internal(f"prctl(PR_SET_DUMPABLE, 0): {os.strerror(ctypes.get_errno()).lower()}")


def _read(name: str) -> bytes:
    with open(name, "rb", buffering=0) as file:
        return file.read()
