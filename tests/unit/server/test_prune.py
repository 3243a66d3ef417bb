from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from finial.authority.journal import Journal
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.server.prune import (
    AGENTS_EVERY,
    BUNDLE_EVERY,
    ENTRIES_EVERY,
    JOURNALS_EVERY,
    AgentPruning,
    Pruner,
)
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock
from finial.testing.metrics import told
from finial.testing.server import Running, play

DOMAIN = TrustDomain("example.org")
NAMES = ("old-1", "old-2", "fresh", "banned", "tofu")


def entry(name: str, expires_at: int) -> Entry:
    return Entry(
        name,
        SpiffeId(DOMAIN, f"/{name}"),
        SpiffeId(DOMAIN, "/n"),
        (Selector("a", "b"),),
        expires_at=expires_at,
    )


@contextmanager
def pruning(
    running: Running, clock: VirtualClock, loop: Callable[[Pruner], Coroutine[None, None, None]]
) -> Iterator[None]:
    server = running.server
    pruner = Pruner(
        server.store,
        server.follower,
        clock,
        Logger(Output(running.log, now=clock.now, level=Level.DEBUG)),
        running.server.metrics,
    )
    task = asyncio.ensure_future(loop(pruner))
    try:
        yield
    finally:
        task.cancel()


def test_expired_entries_go_every_five_minutes(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server, clock = running.server, VirtualClock(SystemClock().now())
        await server.store.create_entries(
            [entry("ended", 1), entry("lasting", 4102444800), entry("endless", 0)]
        )
        log = Logger(Output(running.log, now=clock.now))
        task = asyncio.ensure_future(
            Pruner(server.store, server.follower, clock, log, server.metrics).entries()
        )
        await clock.wait_for_sleepers(1)
        await clock.advance(ENTRIES_EVERY)
        while "ended" in server.follower.index.entries or not server.follower.index.entries:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        task.cancel()
        pruned = [key for key in told(server.metrics) if "registration_entry_manager_prune{" in key]
        assert [told(server.metrics)[key] for key in pruned] == [1]
        left = {one.id for one in server.follower.index.entries.values()}
        assert left == {"lasting", "endless"}
        (line,) = (line for line in running.lines if "Pruned an expired registration" in line)
        assert line.endswith(
            'entry_id=ended parent_id="spiffe://example.org/n" spiffe_id="spiffe://example.org/ended"'
            " subsystem_name=sql"
        ), line

    play(tmp_path, scene)


def test_the_last_root_is_never_pruned(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        server, clock = running.server, VirtualClock(SystemClock().now())
        clock.step(400 * 24 * 3600)
        log = Logger(Output(running.log, now=clock.now))
        task = asyncio.ensure_future(
            Pruner(server.store, server.follower, clock, log, server.metrics).bundle()
        )
        await clock.wait_for_sleepers(1)
        await clock.advance(6 * 3600)
        while not any("Could not prune CA certificates" in line for line in running.lines):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        task.cancel()
        bundle = await server.store.bundle(DOMAIN)
        assert bundle is not None
        assert len(bundle.x509_authorities) == 1

    play(tmp_path, scene)


def test_what_ended_long_ago_leaves_the_bundle_and_is_told(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        store, clock = running.server.store, VirtualClock(SystemClock().now())
        ended = X509Authority(TestCa(now=clock.now() - timedelta(days=3)).der)
        key = JwtAuthority("ended", b"key", int(clock.unix()) - 3 * 24 * 3600)
        await store.append_bundle(Bundle(DOMAIN, (ended,), (key,)))
        with pruning(running, clock, Pruner.bundle):
            await clock.wait_for_sleepers(1)
            await clock.advance(BUNDLE_EVERY)
            await clock.wait_for_sleepers(1)
        bundle = await store.bundle(DOMAIN)
        assert bundle is not None
        assert len(bundle.x509_authorities) == len(bundle.jwt_authorities) == 1
        assert ended not in bundle.x509_authorities
        log = running.log.getvalue()
        assert 'msg="Pruning CA certificate due to expiration" expiration=' in log
        assert 'msg="Pruning JWT signing key due to expiration" expiration=' in log
        assert 'msg="Expired certificates were successfully pruned from bundle"' in log

    play(tmp_path, scene)


def test_a_journal_goes_a_fortnight_after_its_last_authority(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        store, clock = running.server.store, VirtualClock(SystemClock().now())
        (own,) = await store.load_journals()
        stale = (await store.put_journal(None, Journal((), ()), "gone")).value
        with pruning(running, clock, Pruner.journals):
            await clock.wait_for_sleepers(1)
            await clock.advance(JOURNALS_EVERY)
            await clock.wait_for_sleepers(1)
        assert [one.id for one in await store.load_journals()] == [own.id]
        assert f'"Pruned stale CA journal record" ca_journal_id={stale.id} ' in running.log.getvalue()

    play(tmp_path, scene)


def test_spires_events_go_once_they_are_older_than_the_option_says(tmp_path: Path) -> None:
    def events() -> int:
        with closing(sqlite3.connect(tmp_path / "data.sqlite3")) as connection:
            return int(connection.execute("SELECT count(*) FROM registered_entries_events").fetchone()[0])

    async def scene(running: Running) -> None:
        clock = VirtualClock(SystemClock().now())
        await running.server.store.create_entries([entry("e", 0)])
        with pruning(running, clock, lambda pruner: pruner.events(timedelta(hours=12))):
            await clock.wait_for_sleepers(1)
            for left in (1, 1, 0):  # after 6, 12 and 18 hours
                await clock.advance(6 * 3600 - 1)
                await clock.advance(1)
                await clock.wait_for_sleepers(1)
                assert events() == left
        assert "Pruning events" in running.log.getvalue()

    play(tmp_path, scene)


def agent(name: str, expires_at: int, *, serial: str = "1", can_reattest: bool = True) -> Agent:
    id_ = SpiffeId(DOMAIN, f"/spire/agent/{name}")
    return Agent(id_, "x509pop", serial, expires_at, can_reattest=can_reattest)


@pytest.mark.parametrize(
    ("which", "left"),
    [
        (AgentPruning(timedelta(hours=2)), {"banned", "fresh", "tofu"}),
        (AgentPruning(timedelta(hours=2), also_tofu=True), {"banned", "fresh"}),
        (AgentPruning(timedelta(hours=2), batch_size=1), {"banned", "fresh", "tofu", "old-2"}),
    ],
)
def test_agents_expired_for_long_go_within_the_batch_but_banned_ones_stay(
    tmp_path: Path, which: AgentPruning, left: set[str]
) -> None:
    async def scene(running: Running) -> None:
        store, clock = running.server.store, VirtualClock(SystemClock().now())
        now = int(clock.unix())
        for one in (
            agent("old-1", now - 7200),
            agent("old-2", now - 7200),
            agent("fresh", now - 60),
            agent("banned", now - 7200, serial=""),
            agent("tofu", now - 7200, can_reattest=False),
        ):
            await store.put_agent(one)
        with pruning(running, clock, lambda pruner: pruner.agents(lambda: which, lambda low, high: 0.0)):
            await clock.wait_for_sleepers(1)
            await clock.advance(AGENTS_EVERY)
            await clock.wait_for_sleepers(1)
        stored = [agent.id.path.rpartition("/")[2] for _, agent in (await store.load()).agents]
        assert {one for one in stored if one in NAMES} == left
        assert f'"Pruned expired agents" count={len(NAMES) - len(left)} ' in running.log.getvalue()

    play(tmp_path, scene)
