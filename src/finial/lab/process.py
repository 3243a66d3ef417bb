"""Processes of the lab: started with a log file, pinned, waited for, ended in order.

A number alone is never signalled: signals go to a process that is held, and whose start time was compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from finial.errors import FinialError
from finial.lab.state import Started
from finial.runtime.peer import Process, pin_process

GRACE = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(slots=True)
class Child:
    """A process that we started. Its descriptors are given back by `close`, which `end` calls."""

    name: str
    popen: subprocess.Popen[bytes]
    process: Process
    started: Started
    log: Path
    lifeline: int = -1  # hangs up when it execs: `finial.runtime.handover`

    async def ended(self) -> int:
        """Its exit code, negative for a signal. May be awaited by several."""
        await self.process.ended()
        return self.popen.wait()  # has ended: does not block

    async def end(self, grace: float = GRACE) -> None:
        """SIGTERM, and SIGKILL to one that takes longer than `grace` seconds; then it is reaped."""
        try:
            await _end(self.process, grace)
            await self.ended()
        finally:
            self.close()

    def close(self) -> None:
        self.process.close()
        if self.lifeline >= 0:
            os.close(self.lifeline)
            self.lifeline = -1


def start(
    name: str,
    arguments: Sequence[str],
    log: Path,
    *,
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
    detached: bool = False,
) -> Child:
    """`python ARGUMENTS`, after its exec. Output goes to the end of `log`. `detached`: in a session of its
    own, so that what ends the terminal does not end it. Raises: OSError."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        popen = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            pass_fds=pass_fds,
            env={**os.environ, **(environment or {})},
            start_new_session=detached,
        )
    finally:
        os.close(descriptor)
    process = pin_process(popen.pid)
    return Child(name, popen, process, Started(popen.pid, process.start_time), log)


def find(started: Started) -> Process | None:
    """The process if it is still that one; close it after use."""
    try:
        found = pin_process(started.pid)
    except (FinialError, OSError):
        return None
    with contextlib.suppress(FinialError):
        if found.start_time == started.start_time:
            return found
    found.close()
    return None


def alive(started: Started) -> bool:
    found = find(started)
    if found is not None:
        found.close()
    return found is not None


async def end(started: Started, grace: float = GRACE) -> bool:
    """Ends a process that somebody else started; False: it was gone already."""
    found = find(started)
    if found is None:
        return False
    try:
        await _end(found, grace)
        return True
    finally:
        found.close()


def last_words(log: Path) -> str:
    """The last line of a log, for an error's message."""
    with contextlib.suppress(OSError, IndexError):
        return log.read_text(errors="replace").strip().splitlines()[-1]
    return "it said nothing"


async def _end(process: Process, grace: float) -> None:
    process.signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(grace):
            await process.ended()
    except TimeoutError:
        process.signal(signal.SIGKILL)
        await process.ended()
