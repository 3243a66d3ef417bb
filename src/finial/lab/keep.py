"""A process that is to run: started, watched, and started again with growing pauses when it ends.

`start` answers once the process does its work, and raises if it cannot. The first start is the caller's to
judge; later failures are kept as `problem` and tried again until `stop`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from finial.errors import FailedPrecondition, FinialError
from finial.lab.process import Child, last_words
from finial.runtime.clock import Clock
from finial.runtime.log import Logger

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
SETTLED = 30.0  # seconds after which an end counts as the first again


class Kept:
    """`up` is set while it does its work; `child` is None while there is no process."""

    def __init__(self, name: str, start: Callable[[], Awaitable[Child]], clock: Clock, log: Logger) -> None:
        self.name = name
        self.child: Child | None = None
        self.up = asyncio.Event()
        self.restarts = 0
        self.problem = ""
        self._start = start
        self._clock = clock
        self._log = log.with_fields(process=name)
        self._began = 0.0

    async def begin(self) -> None:
        """The first start. Raises: what `start` raised."""
        await self._begin()

    async def keep(self) -> None:
        """Until cancelled. Call after `begin`."""
        pause = FIRST_PAUSE
        while True:
            await self._ended()
            if self._clock.monotonic() - self._began > SETTLED:
                pause = FIRST_PAUSE
            self.restarts += 1
            while True:
                await self._clock.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                try:
                    await self._begin()
                    break
                except (FinialError, OSError) as why:
                    self.problem = str(why)
                    self._log.error("Process did not start", error=why)

    async def end(self) -> None:
        """Ends the process, if there is one. Stop `keep` first, or it is started again."""
        child, self.child = self.child, None
        self.up.clear()
        if child is not None:
            await child.end()

    async def _begin(self) -> None:
        self.child = await self._start()
        self.problem = ""
        self._began = self._clock.monotonic()
        self.up.set()
        self._log.info("Process is up", pid=self.child.started.pid)

    async def _ended(self) -> None:
        child = self.child
        if child is None:
            return
        code = await child.ended()
        self.up.clear()
        if self.child is child:
            self.child = None
            child.close()
        self.problem = f"ended with code {code}"
        self._log.warning("Process ended", code=code)


async def until_ready(
    child: Child, check: Callable[[], Awaitable[None]], clock: Clock, timeout: float
) -> None:
    """Asks `check` until it raises no FinialError. Raises: FailedPrecondition if the process ends first or
    the time, in seconds, is over."""
    give_up = clock.monotonic() + timeout
    while True:
        try:
            await check()
            return
        except FinialError as why:
            if clock.monotonic() > give_up:
                raise FailedPrecondition(
                    f"{child.name} is not ready after {timeout:g} s: {why.message}"
                ) from why
        code = child.popen.poll()
        if code is not None:
            raise FailedPrecondition(f"{child.name} ended with code {code}: {last_words(child.log)}")
        await clock.sleep(0.01)
