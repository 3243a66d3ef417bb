from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition, Unavailable
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.server.follow import Applied, Follower
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position, Snapshot, Store, Things
from finial.testing.clock import VirtualClock
from finial.testing.metrics import unread

DOMAIN = TrustDomain("example.org")
AGENT = SpiffeId(DOMAIN, "/spire/agent/t/1")
ENTRY = Entry("one", SpiffeId(DOMAIN, "/w"), AGENT, (Selector("a", "b"),))


def follow(folder: Path, scene: Callable[[Store, Follower], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = SystemClock()
        store = await Store.open(folder / "data.sqlite3", clock=clock)
        try:
            log = Logger(Output(io.StringIO(), now=clock.now))
            await scene(store, Follower(DOMAIN, store, await store.load(), clock, log, unread()))
        finally:
            await store.close()

    asyncio.run(run())


def test_a_step_brings_what_was_committed_and_names_who_is_concerned(tmp_path: Path) -> None:
    async def scene(store: Store, follower: Follower) -> None:
        told: list[Applied] = []
        follower.subscribe(told.append)
        await store.put_agent(Agent(AGENT, "t", "1", 2_000_000_000))
        await store.create_entries([ENTRY])
        done = await store.set_bundle(Bundle(TrustDomain("other.test")))
        await follower.step()
        assert follower.position == done.position
        assert set(follower.index.answer(AGENT).entries) == {"one"}
        assert told[0].agents == {AGENT}
        assert told[0].bundles == {TrustDomain("other.test")}

    follow(tmp_path, scene)


def test_what_is_deleted_leaves_the_index(tmp_path: Path) -> None:
    async def scene(store: Store, follower: Follower) -> None:
        await store.put_agent(Agent(AGENT, "t", "1", 2_000_000_000))
        await store.create_entries([ENTRY])
        await store.set_bundle(Bundle(TrustDomain("other.test")))
        await follower.step()
        await store.delete_entries(["one"])
        await store.delete_bundle(TrustDomain("other.test"))
        await store.delete_agent(AGENT)
        await follower.step()
        assert len(follower.index.entries) == len(follower.index.agents) == 0
        assert TrustDomain("other.test") not in follower.view.bundles

    follow(tmp_path, scene)


def test_who_waits_for_a_position_goes_on_when_the_index_is_there(tmp_path: Path) -> None:
    async def scene(store: Store, follower: Follower) -> None:
        running = asyncio.ensure_future(follower.run())
        done = await store.create_entries([ENTRY])
        await asyncio.wait_for(follower.reached(done.position), 5)
        assert "one" in follower.index.entries
        running.cancel()

    follow(tmp_path, scene)


def test_commits_of_another_process_arrive(tmp_path: Path) -> None:
    async def scene(store: Store, follower: Follower) -> None:
        running = asyncio.ensure_future(follower.run())
        other = await Store.open(tmp_path / "data.sqlite3", clock=SystemClock())
        done = await other.create_entries([ENTRY])
        await asyncio.wait_for(follower.reached(done.position), 5)
        await other.close()
        running.cancel()

    follow(tmp_path, scene)


def test_an_equal_bundle_concerns_nobody(tmp_path: Path) -> None:
    async def scene(store: Store, follower: Follower) -> None:
        await store.set_bundle(Bundle(DOMAIN))
        await follower.step()
        told: list[Applied] = []
        leave = follower.subscribe(told.append)
        await store.set_bundle(Bundle(DOMAIN))
        await follower.step()
        assert told[0].bundles == frozenset()
        leave()
        await store.create_entries([ENTRY])
        await follower.step()
        assert len(told) == 1

    follow(tmp_path, scene)


def test_a_load_that_fails_when_the_log_cannot_be_continued_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(store: Store, follower: Follower) -> None:
        monkeypatch.setattr("finial.server.follow.RETRY", 0.0)
        load, failures = store.load, [Unavailable("database is locked")]

        async def fail_once(after: Position | None = None) -> Snapshot:
            if failures:
                raise failures.pop()
            return await load(after)

        monkeypatch.setattr(store, "load", fail_once)
        follower.view.position = Position(b"\0" * 16, 0)
        running = asyncio.ensure_future(follower.run())
        done = await store.create_entries([ENTRY])
        while follower.position != done.position:
            await asyncio.sleep(0)
            assert not running.done()
        assert "one" in follower.index.entries
        running.cancel()

    follow(tmp_path, scene)


def test_a_write_is_answered_though_the_index_cannot_follow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit stands: a caller that were told otherwise would write it again."""

    async def scene(store: Store, _: Follower) -> None:
        text, clock = io.StringIO(), SystemClock()
        log = Logger(Output(text, now=clock.now))
        follower = Follower(DOMAIN, store, await store.load(), clock, log, unread())
        done = await store.create_entries([ENTRY])
        monkeypatch.setattr("finial.server.follow.PATIENCE", 0.01)
        await follower.caught_up(done.position)
        await follower.caught_up(Position(b"\0" * 16, 0))
        assert text.getvalue().count("A committed change is not in the index yet") == 2
        await follower.step()
        await follower.caught_up(done.position)
        assert text.getvalue().count("A committed change is not in the index yet") == 2

    follow(tmp_path, scene)


def test_a_log_that_cannot_be_read_is_told_at_once_each_minute_and_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(store: Store, _: Follower) -> None:
        text, clock = io.StringIO(), VirtualClock()
        follower = Follower(
            DOMAIN, store, await store.load(), clock, Logger(Output(text, now=clock.now)), unread()
        )
        away = True
        changed = store.changed

        async def fail(after: Position) -> tuple[Things, Position]:
            if away:
                raise Unavailable("database is gone")
            return await changed(after)

        monkeypatch.setattr(store, "changed", fail)
        running = asyncio.ensure_future(follower.run())
        done = await store.create_entries([ENTRY])
        while not clock.sleepers:  # noqa: ASYNC110 - the store reads in threads of its own
            await asyncio.sleep(0)
        await clock.advance(130)
        assert follower.outage >= 120
        away = False
        await clock.advance(1)
        await follower.reached(done.position)
        while "again" not in text.getvalue():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        running.cancel()
        assert follower.outage == 0
        told = [line.partition("msg=")[2] for line in text.getvalue().splitlines()]
        assert ["gone" in line for line in told] == [True, True, True, False]
        assert [line.partition("seconds=")[2].split()[0] for line in told] == ["0", "60", "120", "131"]

    follow(tmp_path, scene)


def test_a_database_restored_under_a_running_server_is_another_history(tmp_path: Path) -> None:
    """What was lost must not count as arrived once as much has been written anew."""

    async def scene(store: Store, follower: Follower) -> None:
        running = asyncio.ensure_future(follower.run())
        with sqlite3.connect(tmp_path / "data.sqlite3") as database, sqlite3.connect(":memory:") as copy:
            database.backup(copy)
            lost = (await store.create_entries([ENTRY])).position
            await follower.reached(lost)
            copy.backup(database)
        database.close()
        copy.close()
        async with asyncio.timeout(10):
            while "one" in follower.index.entries:  # noqa: ASYNC110 - the restore tells nobody
                await asyncio.sleep(0.01)
        for name in "abc":
            done = await store.create_entries(
                [replace(ENTRY, id=name, spiffe_id=SpiffeId(DOMAIN, f"/{name}"))]
            )
        await follower.reached(done.position)
        with pytest.raises(FailedPrecondition, match="another history"):
            await follower.reached(lost)
        running.cancel()

    follow(tmp_path, scene)
