"""A workload program with commands (x509, watch, jwt, serve, call, bare) that tells events as JSON, a line each.

The same commands stand in front of go-spiffe, py-spiffe and our own client, so that one test holds for all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PIPE = asyncio.subprocess.PIPE
PATIENCE = 30.0  # seconds for an event or an end that does not come

Event = dict[str, Any]


class Failed(AssertionError):
    """The program ended with an error; the text is what it wrote."""


@dataclass(frozen=True, slots=True)
class WorkloadProgram:
    """`executable` is what an agent sees as the program's path; a test that copies it has it to itself."""

    kind: str
    executable: Path
    arguments: tuple[str, ...]  # before the command
    environment: Mapping[str, str]

    @property
    def selector(self) -> str:
        return f"unix:path:{self.executable}"

    async def tell(self, command: str, *arguments: str) -> Event:
        """Its one event. Raises: Failed."""
        async with self.running(command, *arguments) as events:
            told = await events.next()
            await events.end()
            return told

    @asynccontextmanager
    async def running(self, command: str, *arguments: str) -> AsyncIterator[Events]:
        """Ended with the block at the latest: its input ends first, then it is killed."""
        process = await asyncio.create_subprocess_exec(
            str(self.executable),
            *self.arguments,
            command,
            *arguments,
            env=dict(self.environment),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            yield Events(process)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


class Events:
    """What a running program tells."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._process, self._lines = process, process.stdout
        self.seen: list[Event] = []

    async def next(self, wanted: Callable[[Event], object] = bool, patience: float = PATIENCE) -> Event:
        """The next event for which `wanted` is true; others are passed over. Raises: Failed, TimeoutError."""
        async with asyncio.timeout(patience):
            while line := await self._lines.readline():
                told: Event = json.loads(line)
                self.seen.append(told)
                if wanted(told):
                    return told
        raise Failed(await self._last_words())

    async def end(self) -> None:
        """Waits for an end by itself. Raises: Failed unless it ends with 0."""
        async with asyncio.timeout(PATIENCE):
            words = await self._last_words()
        if self._process.returncode:
            raise Failed(words)

    async def _last_words(self) -> str:
        _, errors = await self._process.communicate()
        return f"ended with {self._process.returncode}: {errors.decode(errors='replace')}"
