"""All sources of one console, what they read last, and the day's trends: the one thing that views are made of.

`run` it. `version` moves with each reading; `moved` waits for the next. Trends are noted each ten seconds from what is
known then: a source that is down leaves a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from finial.console.readings import ServerReading, State
from finial.console.samples import Samples, rpc_methods
from finial.console.sources.metrics import MetricsSource, Target, TargetReading
from finial.console.sources.server import ServerSource
from finial.console.trends import STEP, Trends
from finial.runtime.clock import Clock
from finial.runtime.tasks import Tasks
from finial.wire.client import ServerApi

SERVER_JOB, AGENT_JOB = "spire-server", "spire-agent"
PREFIXES = {SERVER_JOB: "spire_server", AGENT_JOB: "spire_agent"}


class Observatory:
    """`connect` opens the server's API, `targets` are metrics endpoints."""

    def __init__(self, connect: Callable[[], ServerApi], targets: Sequence[Target], clock: Clock) -> None:
        self.connect, self.clock = connect, clock
        self.trends = Trends()
        self.version = 0
        self._news = asyncio.Event()
        self._server = ServerSource(connect, clock, self._moved)
        self._metrics = MetricsSource(targets, clock, self._moved)

    @property
    def server(self) -> ServerReading:
        return self._server.reading

    @property
    def targets(self) -> Sequence[TargetReading]:
        return self._metrics.readings

    async def run(self) -> None:
        """Until cancelled. Raises: what a source raises, which is a bug of ours."""
        async with Tasks() as tasks:
            tasks.start(self._server.run(), name="server")
            tasks.start(self._metrics.run(), name="metrics")
            tasks.start(self._note(), name="trends")
            await tasks.wait()

    async def moved(self, since: int) -> int:
        """Returns the version once it is another than `since`."""
        while self.version == since:
            await self._news.wait()
        return self.version

    def calls(self, job: str) -> float | None:
        """RPCs a second of all targets of a job; None where none shows any."""
        rates = [rate for one in self._of(job) if (rate := calls_of(one.samples, PREFIXES[job])) is not None]
        return sum(rates) if rates else None

    def rate(self, job: str, name: str, **labels: str) -> float | None:
        rates = [rate for one in self._of(job) if (rate := one.samples.rate(name, **labels)) is not None]
        return sum(rates) if rates else None

    def _of(self, job: str) -> list[TargetReading]:
        return [one for one in self.targets if one.target.job == job and one.up]

    def _moved(self) -> None:
        self.version += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _note(self) -> None:
        while True:
            await self.clock.sleep(STEP)
            self.note(self.clock.unix())

    def note(self, now: float) -> None:
        """What is known now goes into the trends."""
        server = self.server
        figures: dict[str, float | None] = {
            "server.calls": self.calls(SERVER_JOB),
            "agent.calls": self.calls(AGENT_JOB),
            "metrics.up": float(sum(one.up for one in self.targets)) if self.targets else None,
        }
        if server.reached and not server.trouble:
            states = [one.state for one in server.agents.values()]
            figures |= {
                "agents": float(len(states)),
                "agents.in_step": float(sum(one in (State.READY, State.DELIVERED) for one in states)),
                "entries": float(len(server.entries)),
            }
        for name, value in figures.items():
            if value is not None:
                self.trends.add(name, value, now)


def calls_of(samples: Samples, prefix: str) -> float | None:
    """RPCs a second of one program."""
    rates = [rate for name in rpc_methods(samples, prefix) if (rate := samples.rate(name)) is not None]
    return sum(rates) if rates else None
