"""A server's authorities with all that they work on and nothing around them: store, keys, clock and log."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from finial.authority.policy import Policy
from finial.plugins.key.memory import Memory
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.runtime.metrics import Metrics
from finial.server.certify import Upstream
from finial.server.rotate import Authorities
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Store
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock
from finial.testing.metrics import unread
from finial.testing.upstream import MemoryUpstream

DOMAIN = TrustDomain("example.org")
CA_TTL = 3600


@dataclass
class World:
    store: Store
    keys: Memory
    clock: VirtualClock
    log: io.StringIO
    metrics: Metrics

    @asynccontextmanager
    async def server(
        self, *, jwt: bool = True, above: MemoryUpstream | None = None
    ) -> AsyncIterator[tuple[Authorities, Signer]]:
        signer = Signer(Policy(trust_domain=DOMAIN, ca_ttl=CA_TTL), self.clock, self.metrics, threads=1)
        output = Output(self.log, now=self.clock.now, level=Level.DEBUG, strict=True)
        log, upstream = Logger(output), Upstream("memory", above) if above else None
        made = Authorities(
            self.store, self.keys, signer, self.clock, log, self.metrics, jwt_enabled=jwt, upstream=upstream
        )
        try:
            yield made, signer
        finally:
            signer.close()

    async def bundle(self) -> Bundle:
        bundle = await self.store.bundle(DOMAIN)
        assert bundle is not None
        return bundle


def in_world(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = VirtualClock()
        store = await Store.open(folder / "data.sqlite3", clock=SystemClock())
        try:
            await scene(World(store, Memory(), clock, io.StringIO(), unread(clock)))
        finally:
            await store.close()

    asyncio.run(run())


def above(world: World, name: str = "root") -> MemoryUpstream:
    root = TestCa(name=name, now=world.clock.now(), lifetime=timedelta(days=30))
    return MemoryUpstream(world.clock.now, root)
