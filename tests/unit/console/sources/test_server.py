"""A server of ours followed, a stock one asked again, and one that goes away and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from finial.console.readings import ServerReading, State
from finial.console.sources import server as source_module
from finial.console.sources.server import ServerSource, ended, unwatched, watched
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import unary
from finial.runtime.tasks import Tasks
from finial.server.api.unserved import Unserved
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.server import TRUST_DOMAIN, Running, attest, play, server
from finial.wire.client import ServerApi
from finial.wire.convert.entry import entry_to_wire
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.finial.status.v1 import status_pb2
from finial.wire.pb.finial.status.v1.status_grpc import StatusBase
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2

AGENT = SpiffeId.of(TRUST_DOMAIN, "/spire/agent/t/a")
WEB = SpiffeId.of(TRUST_DOMAIN, "/web")


def create(parent: SpiffeId, *names: str) -> entry_pb2.BatchCreateEntryRequest:
    entries = [Entry(name, WEB, parent, (Selector("unix", f"uid:{name}"),)) for name in names]
    return entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(one) for one in entries])


class Follower:
    """A source that runs, and a way to wait for what it reads."""

    def __init__(self, path: Path) -> None:
        self.moved = asyncio.Event()
        self.source = ServerSource(lambda: ServerApi.at(str(path)), SystemClock(), self.moved.set)

    async def until(self, condition: Callable[[ServerReading], object]) -> ServerReading:
        async with asyncio.timeout(15):
            while not condition(self.source.reading):
                self.moved.clear()
                await self.moved.wait()
        return self.source.reading


def follow(folder: Path, scene: Callable[[Running, Follower, ServerApi], Awaitable[None]]) -> None:
    async def run(running: Running) -> None:
        path = running.server.socket_path
        async with Tasks() as tasks, ServerApi.at(str(path)) as api:
            follower = Follower(path)
            tasks.start(follower.source.run(), name="server")
            await scene(running, follower, api)

    play(folder, run)


def test_what_there_is_is_read_and_changes_come_as_they_are_made(tmp_path: Path) -> None:
    async def scene(running: Running, follower: Follower, api: ServerApi) -> None:
        first = await follower.until(lambda read: read.position)
        assert (first.own, first.trouble, first.trust_domain) == (True, "", TRUST_DOMAIN)
        assert first.bundle
        assert [one.slot for one in first.x509_authorities] == ["active"]
        assert first.svid_expires_at > first.at
        agent = await attest(running)
        await follower.until(lambda read: agent.id in read.agents)
        await unary(api.entry.BatchCreateEntry, create(agent.id, "1"))
        read = await follower.until(
            lambda read: "1" in read.entries and read.changes and read.changes[-1].authors
        )
        assert read.changes[-1].things == (("entry", "1"),)
        assert read.changes[-1].authors[0][1] == "BatchCreateEntry"
        await unary(api.entry.BatchDeleteEntry, entry_pb2.BatchDeleteEntryRequest(ids=["1"]))
        await follower.until(lambda read: not read.entries)
        await unary(api.agent.BanAgent, agent_pb2.BanAgentRequest(id=id_to_wire(agent.id)))
        await follower.until(lambda read: read.agents[agent.id].state is State.BANNED)

    follow(tmp_path, scene)


def test_many_changes_at_once_are_listed_rather_than_asked_for_one_by_one(tmp_path: Path) -> None:
    async def scene(running: Running, follower: Follower, api: ServerApi) -> None:
        await follower.until(lambda read: read.position)
        names = [str(number) for number in range(120)]
        await unary(api.entry.BatchCreateEntry, create(AGENT, *names))
        read = await follower.until(lambda read: len(read.entries) == 120 and read.changes)
        assert read.changes[-1].more == 100

    follow(tmp_path, scene)


def test_a_server_that_comes_back_is_read_again_and_what_was_read_stays_meanwhile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Tasks() as tasks:
            async with server(tmp_path) as running:
                path = running.server.socket_path
                follower = Follower(path)
                tasks.start(follower.source.run(), name="server")
                async with ServerApi.at(str(path)) as api:
                    await unary(api.entry.BatchCreateEntry, create(AGENT, "1"))
                await follower.until(lambda read: "1" in read.entries)
            gone = await follower.until(lambda read: read.trouble)
            assert "1" in gone.entries
            async with server(tmp_path):
                back = await follower.until(lambda read: not read.trouble)
                assert back.at > gone.at

    asyncio.run(scenario())


def test_a_stock_server_is_listed_again_once_a_count_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of ours that does not know our own service, as a stock one does not."""
    monkeypatch.setattr(source_module, "COUNTS_EVERY", 0.02)
    monkeypatch.setattr("finial.server.program.StatusService", lambda *_: Unserved(StatusBase))

    async def scene(running: Running, follower: Follower, api: ServerApi) -> None:
        first = await follower.until(lambda read: read.reached and read.started_at)
        assert (first.own, first.position, first.changes) == (False, b"", ())
        await unary(api.entry.BatchCreateEntry, create(AGENT, "1"))
        await follower.until(lambda read: "1" in read.entries)
        agent = await attest(running)
        read = await follower.until(lambda read: agent.id in read.agents)
        assert read.agents[agent.id].state is State.UNKNOWN

    follow(tmp_path, scene)


NOW = 1000.0


@pytest.mark.parametrize(
    ("agent", "state"),
    [
        (Agent(AGENT, "t", "1", 2000), None),
        (Agent(AGENT, "t", "1", 0), None),
        (Agent(AGENT, "t", "1", 900), State.EXPIRED),
        (Agent(AGENT, "t", "", 2000), State.BANNED),
    ],
)
def test_a_row_says_whether_an_agent_has_ended(agent: Agent, state: State | None) -> None:
    assert ended(agent, NOW) is state
    assert unwatched(agent, NOW).state is (state or State.UNKNOWN)
    assert watched(agent, None, NOW).state is (state or State.PENDING)


def test_what_a_server_of_ours_says_of_an_agent() -> None:
    told = status_pb2.AgentStatus(state=status_pb2.AgentStatus.READY, last_seen=990.0, watches=1)
    read = watched(Agent(AGENT, "t", "1", 2000), told, NOW)
    assert (read.state, read.last_seen, read.watches) == (State.READY, 990.0, 1)
