"""Commands run as a person types them, under any of the program's names; by other users in their own process.

In: the words of a command line, assignments to the environment in front. Out: exit code and what was
printed. In the test's own process unless another user or an end by signal is wanted.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finial.cli import run
from finial.cli.console import Console
from finial.testing.transcripts import Outcome

# As root it runs the command once, so that every module is loaded, which another user might not be able to
# read; then it becomes that user and runs what was asked for.
AS_USER = """
import io, os, sys
from finial.cli import run
from finial.cli.console import Console
uid, program, count, *words = sys.argv[1:]
warm, words = words[:int(count)], words[int(count):]
if warm:
    nowhere = io.StringIO()
    run(warm, Console(program=program, stdin=nowhere, stdout=nowhere, stderr=nowhere))
if int(uid) != os.getuid():
    os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
sys.stdout.reconfigure(line_buffering=True)
sys.exit(run(words, Console(program=program)))
"""
LIMIT = 20.0  # seconds for one command


@dataclass(frozen=True, slots=True)
class Commands:
    """`environment` is what each command finds beside the test's own. `programs`: a folder with a stock
    SPIRE's programs, which are run in place of ours."""

    environment: Mapping[str, str]
    programs: Path | None = None

    async def run(self, words: Sequence[str], stdin: str = "") -> Outcome:
        """Ours in a thread of this process: the loop goes on serving. One at a time."""
        assignments, program, arguments = apart(words)
        if self.programs is not None:
            return await self.run_as(os.getuid(), words, stdin)
        out, err = io.StringIO(), io.StringIO()
        console = Console(program=program, stdin=io.StringIO(stdin), stdout=out, stderr=err)
        with environment({**self.environment, **assignments}):
            code = await asyncio.wait_for(asyncio.to_thread(run, arguments, console), LIMIT)
        return Outcome(code, out.getvalue(), err.getvalue())

    async def run_as(self, uid: int, words: Sequence[str], stdin: str = "") -> Outcome:
        """In a process of its own, as another user if it is one, which takes root."""
        process = await self._start(uid, words, warm=() if uid == os.getuid() else apart(words)[2])
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), LIMIT)
        return Outcome(process.returncode, out.decode(), err.decode())

    async def run_until(
        self, uid: int, words: Sequence[str], lines: int, *, warm: Sequence[str] = ()
    ) -> Outcome:
        """Ended once it has printed so many lines on both streams together."""
        process = await self._start(uid, words, warm)
        seen: dict[str, list[str]] = {"out": [], "err": []}
        enough = asyncio.Event()

        async def read(name: str, stream: asyncio.StreamReader | None) -> None:
            assert stream is not None
            async for line in stream:
                seen[name].append(line.decode())
                if sum(map(len, seen.values())) >= lines:
                    enough.set()

        async with asyncio.TaskGroup() as readers:
            readers.create_task(read("out", process.stdout))
            readers.create_task(read("err", process.stderr))
            try:
                await asyncio.wait_for(enough.wait(), LIMIT)
            finally:
                process.kill()
        await process.wait()
        return Outcome(None, "".join(seen["out"]), "".join(seen["err"]))

    async def _start(self, uid: int, words: Sequence[str], warm: Sequence[str]) -> asyncio.subprocess.Process:
        assignments, program, arguments = apart(words)
        given = {**os.environ, **self.environment, **assignments}
        pipe = asyncio.subprocess.PIPE
        if self.programs is None:
            ours = [sys.executable, "-c", AS_USER, str(uid), program, str(len(warm)), *warm, *arguments]
            return await asyncio.create_subprocess_exec(
                *ours, env=given, stdin=pipe, stdout=pipe, stderr=pipe
            )
        other: dict[str, Any] = {} if uid == os.getuid() else {"user": uid, "group": uid, "extra_groups": []}
        theirs = [str(self.programs / program), *arguments]
        return await asyncio.create_subprocess_exec(
            *theirs, env=given, stdin=pipe, stdout=pipe, stderr=pipe, **other
        )


def apart(words: Sequence[str]) -> tuple[dict[str, str], str, list[str]]:
    """`A=b spire-server entry show` -> ({"A": "b"}, "spire-server", ["entry", "show"])."""
    rest, assignments = list(words), {}
    while "=" in rest[0]:
        name, _, value = rest.pop(0).partition("=")
        assignments[name] = value
    return assignments, Path(rest[0]).name, rest[1:]


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The process's environment with these values, as before afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
