"""grpc-go as client and server: the program `transportpeer`, driven by its arguments, answering in JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

PIPE = asyncio.subprocess.PIPE
Answers = dict[str, Any]


class GoPeer:
    def __init__(self, program: Path) -> None:
        self._program = str(program)

    async def call(self, command: str, address: str, *arguments: str) -> Answers:
        """As a client, to its end."""
        process = await asyncio.create_subprocess_exec(
            self._program, command, "-addr", address, *arguments, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        answers: Answers = json.loads(out)
        return answers | {"errors": err.decode()}

    @contextlib.asynccontextmanager
    async def serving(self, address: str, *arguments: str) -> AsyncIterator[None]:
        """As a server, until the block ends."""
        process = await asyncio.create_subprocess_exec(
            self._program, "serve", "-addr", address, *arguments, stdin=PIPE, stdout=PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert await process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.stdin.close()  # which ends it
            await process.communicate()
