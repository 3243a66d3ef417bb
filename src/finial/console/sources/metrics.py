"""Metrics endpoints, read each ten seconds: of servers and agents, ours or stock, by their own exposition.

A target that does not answer is down, with the reason, and what it showed before is kept with its age. Redirects are
not followed and an answer is read up to eight mebibytes: an endpoint is configured, what it says is not trusted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx

from finial.console.samples import Samples, parse
from finial.errors import FinialError, Unavailable
from finial.runtime.clock import Clock

EVERY = 10.0  # seconds
TIMEOUT = 5.0
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """`name` is for people; `job`: spire-server or spire-agent."""

    name: str
    job: str
    url: str


@dataclass(frozen=True, slots=True)
class TargetReading:
    """`trouble`: why it is down; empty: it is up."""

    target: Target
    samples: Samples = field(default_factory=Samples)
    trouble: str = "not read yet"

    @property
    def up(self) -> bool:
        return not self.trouble


class MetricsSource:
    """`run` it; `readings` are the latest, in the order of the targets."""

    def __init__(
        self,
        targets: Sequence[Target],
        clock: Clock,
        moved: Callable[[], None],
        client: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(
            timeout=TIMEOUT, trust_env=False, follow_redirects=False
        ),
    ) -> None:
        self._clock, self._moved, self._client = clock, moved, client
        self.readings = [TargetReading(one) for one in targets]

    async def run(self) -> None:
        """Until cancelled."""
        async with self._client() as client:
            while True:
                self.readings = list(
                    await asyncio.gather(*(self._read(client, one) for one in self.readings))
                )
                self._moved()
                await self._clock.sleep(EVERY)

    async def _read(self, client: httpx.AsyncClient, last: TargetReading) -> TargetReading:
        try:
            scrape = parse(await fetched(client, last.target.url))
        except FinialError as why:
            return replace(last, trouble=str(why))
        return TargetReading(last.target, last.samples.next(scrape, self._clock.unix()), "")


async def fetched(client: httpx.AsyncClient, url: str) -> str:
    """Raises: Unavailable."""
    try:
        async with client.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Unavailable(f"{url}: answered {answer.status_code}")
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    raise Unavailable(f"{url}: more than {MAX_BYTES} bytes")
    except httpx.HTTPError as why:
        raise Unavailable(f"{url}: {str(why) or type(why).__name__}") from why
    return body.decode("utf-8", "replace")
