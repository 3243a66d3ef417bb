"""Processes of the lab: started with a log file, pinned, waited for by pidfd, ended in order.

A number alone is never signalled: signals go through a pidfd whose start time was compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from finial.errors import FinialError
from finial.lab.state import Started
from finial.runtime.peer import Peer, pin_process

GRACE = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(slots=True)
class Child:
    """A process that we started. Its descriptors are given back by `close`, which `end` calls."""

    name: str
    popen: subprocess.Popen[bytes]
    process: Peer
    started: Started
    log: Path
    lifeline: int = -1  # hangs up when it execs: `finial.runtime.handover`

    @property
    def pidfd(self) -> int:
        return self.process.pidfd

    async def ended(self) -> int:
        """Its exit code, negative for a signal. May be awaited by several."""
        await _readable(self.process.pidfd)
        return self.popen.wait()  # has ended: does not block

    async def end(self, grace: float = GRACE) -> None:
        """SIGTERM, and SIGKILL to one that takes longer than `grace` seconds; then it is reaped."""
        _signal(self.process.pidfd, signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self.ended()
        except TimeoutError:
            _signal(self.process.pidfd, signal.SIGKILL)
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
    process = pin_process(popen.pid, os.pidfd_open(popen.pid))
    return Child(name, popen, process, Started(popen.pid, process.start_time), log)


def find(started: Started) -> Peer | None:
    """The process if it is still that one; close it after use."""
    try:
        pidfd = os.pidfd_open(started.pid)
    except OSError:
        return None
    try:
        found = pin_process(started.pid, pidfd)
    except FinialError:
        os.close(pidfd)
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
        _signal(found.pidfd, signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await _readable(found.pidfd)
        except TimeoutError:
            _signal(found.pidfd, signal.SIGKILL)
            await _readable(found.pidfd)
        return True
    finally:
        found.close()


def last_words(log: Path) -> str:
    """The last line of a log, for an error's message."""
    with contextlib.suppress(OSError, IndexError):
        return log.read_text(errors="replace").strip().splitlines()[-1]
    return "it said nothing"


def _signal(pidfd: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


async def _readable(pidfd: int) -> None:
    """A pidfd is readable once its process has ended. Waits on a copy: a loop knows one reader for each."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    if poller.poll(0):
        return
    loop = asyncio.get_running_loop()
    copy, over = os.dup(pidfd), asyncio.Event()
    loop.add_reader(copy, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(copy)
        os.close(copy)
