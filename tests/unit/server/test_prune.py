from __future__ import annotations

import asyncio
from pathlib import Path

from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.server.prune import ENTRIES_EVERY, Pruner
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.clock import VirtualClock
from finial.testing.server import Running, play

DOMAIN = TrustDomain("example.org")


def entry(name: str, expires_at: int) -> Entry:
    return Entry(
        name,
        SpiffeId(DOMAIN, f"/{name}"),
        SpiffeId(DOMAIN, "/n"),
        (Selector("a", "b"),),
        expires_at=expires_at,
    )


def test_expired_entries_go_every_five_minutes(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server, clock = running.server, VirtualClock(SystemClock().now())
        await server.store.create_entries(
            [entry("ended", 1), entry("lasting", 4102444800), entry("endless", 0)]
        )
        log = Logger(Output(running.log, now=clock.now))
        pruning = asyncio.ensure_future(Pruner(server.store, server.follower, clock, log).entries())
        await clock.wait_for_sleepers(1)
        await clock.advance(ENTRIES_EVERY)
        while "ended" in server.follower.index.entries or not server.follower.index.entries:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        pruning.cancel()
        left = {one.id for one in server.follower.index.entries.values()}
        assert left == {"lasting", "endless"}
        assert any("Pruned an expired registration" in line for line in running.lines)

    play(tmp_path, scene)


def test_the_last_root_is_never_pruned(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server, clock = running.server, VirtualClock(SystemClock().now())
        clock.step(400 * 24 * 3600)
        log = Logger(Output(running.log, now=clock.now))
        pruning = asyncio.ensure_future(Pruner(server.store, server.follower, clock, log).bundle())
        await clock.wait_for_sleepers(1)
        await clock.advance(6 * 3600)
        while not any("Bundle is not pruned" in line for line in running.lines):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        pruning.cancel()
        bundle = await server.store.bundle(DOMAIN)
        assert bundle is not None
        assert len(bundle.x509_authorities) == 1

    play(tmp_path, scene)
