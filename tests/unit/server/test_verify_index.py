from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.server.follow import Applied, Follower
from finial.server.verify_index import BUCKETS, EVERY, IndexVerifier
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Store
from finial.testing.clock import VirtualClock
from finial.testing.metrics import unread

DOMAIN = TrustDomain("example.org")
AGENT = SpiffeId(DOMAIN, "/spire/agent/t/1")
ENTRIES = [
    Entry(f"e{number}", SpiffeId(DOMAIN, f"/w{number}"), AGENT, (Selector("a", "b"),))
    for number in range(1, 2 * BUCKETS)
]


class World:
    def __init__(self, store: Store, follower: Follower, clock: VirtualClock, path: Path) -> None:
        self.store, self.follower, self.clock, self.path = store, follower, clock, path
        self.output = io.StringIO()
        self.verifier = IndexVerifier(store, follower, clock, Logger(Output(self.output, now=clock.now)))

    @property
    def log(self) -> str:
        return self.output.getvalue()

    def behind_the_triggers(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid"
            ).fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute(statement)
            for _, sql in triggers:
                connection.execute(sql)
            connection.commit()


def verify(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        path = folder / "data.sqlite3"
        clock = VirtualClock()
        store = await Store.open(path, clock=SystemClock(), poll_period=None)
        try:
            await store.create_entries(ENTRIES)
            await store.put_agent(Agent(AGENT, "t", "1", 2_000_000_000))
            log = Logger(Output(io.StringIO(), now=clock.now))
            follower = Follower(DOMAIN, store, await store.load(), clock, log, unread())
            await scene(World(store, follower, clock, path))
        finally:
            await store.close()

    asyncio.run(run())


def hint(world: World, entry_id: str) -> str:
    entry = world.follower.index.entries.get(entry_id)
    return entry.hint if entry else "gone"


@pytest.mark.parametrize(
    ("statement", "hints"),
    [
        ("UPDATE registered_entries SET hint = 'new' WHERE entry_id = 'e5'", ("new", "")),
        ("DELETE FROM registered_entries WHERE entry_id = 'e5'", ("gone", "")),
        ("UPDATE registered_entries SET entry_id = 'other' WHERE entry_id = 'e5'", ("gone", "")),
        ("UPDATE registered_entries SET hint = 'new' WHERE entry_id = 'e69'", ("", "new")),
    ],
)
def test_what_changed_behind_the_triggers_is_repaired_and_told(
    tmp_path: Path, statement: str, hints: tuple[str, str]
) -> None:
    async def scene(world: World) -> None:
        world.behind_the_triggers(statement)
        told: list[Applied] = []
        world.follower.subscribe(told.append)
        await world.verifier.check(4)
        assert world.log == ""
        await world.verifier.check(5)
        assert (hint(world, "e5"), hint(world, "e69")) == hints
        assert "Index differs from the database: repairing" in world.log
        assert told[0].agents == {AGENT}
        assert ("other" in world.follower.index.entries) == ("other" in statement)

    verify(tmp_path, scene)


def test_an_agent_that_changed_behind_the_triggers_is_repaired(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.behind_the_triggers("UPDATE attested_node_entries SET serial_number = ''")
        await world.verifier.check(1)
        agent = world.follower.index.agents.get(AGENT)
        assert agent is not None
        assert agent.banned

    verify(tmp_path, scene)


def test_what_a_change_on_its_way_explains_is_no_difference(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        checking = asyncio.ensure_future(world.verifier.check(5))
        await world.store.delete_entries(["e5"])
        await world.follower.step()
        await world.store.create_entries([ENTRIES[4]])
        await world.follower.step()
        await checking
        assert world.log == ""

    verify(tmp_path, scene)


def test_each_ten_minutes_one_bucket_and_all_of_them_in_turn(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        world.behind_the_triggers("UPDATE registered_entries SET hint = 'new'")
        running = asyncio.ensure_future(world.verifier.run())
        for number in range(1, BUCKETS + 1):
            await world.clock.wait_for_sleepers(1)
            held = world.follower.index.entries.values()
            assert sum(one.hint == "new" for one in held) == max(0, 2 * (number - 1) - 1)
            await world.clock.advance(EVERY)
        await world.clock.wait_for_sleepers(1)
        assert all(one.hint == "new" for one in world.follower.index.entries.values())
        running.cancel()

    verify(tmp_path, scene)


def test_a_failure_is_told_and_does_not_end_it(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        running = asyncio.ensure_future(world.verifier.run())
        await world.clock.wait_for_sleepers(1)
        await world.store.close()
        await world.clock.advance(EVERY)
        await world.clock.wait_for_sleepers(1)
        assert "Failed to verify the index" in world.log
        running.cancel()

    verify(tmp_path, scene)
