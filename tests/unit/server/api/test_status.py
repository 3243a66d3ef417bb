"""What a dashboard asks a server: where it stands, its agents, and the changes as they come."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from grpclib.client import Stream

from finial.registry.entry import Entry
from finial.runtime.grpc import GRPCError, unary
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.server import TRUST_DOMAIN, Running, attest, play
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.finial.status.v1 import status_pb2 as api
from finial.wire.pb.finial.status.v1.status_grpc import StatusStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub

WEB = SpiffeId.of(TRUST_DOMAIN, "/web")


def create(parent: SpiffeId) -> entry_pb2.BatchCreateEntryRequest:
    entry = Entry("web", WEB, parent, (Selector("unix", "uid:1"),))
    return entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(entry)])


def test_a_server_tells_where_it_stands(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with running.admin() as channel:
            await unary(EntryStub(channel).BatchCreateEntry, create(agent.id))
            status = await unary(StatusStub(channel).GetStatus, api.GetStatusRequest())
            agents = await unary(StatusStub(channel).ListAgentStatus, api.ListAgentStatusRequest())
        assert (status.trust_domain, status.entries, status.agents, status.watching) == (
            "example.org",
            1,
            1,
            0,
        )
        assert status.started_at <= status.now
        assert status.position == running.server.follower.position.encode()
        assert status.outage == 0
        [one] = agents.agents
        assert (one.spiffe_id, one.state, one.watches) == (str(agent.id), api.AgentStatus.PENDING, 0)

    play(tmp_path, scene)


def test_changes_are_told_with_their_author_and_again_once_they_arrived(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with (
            running.admin() as admin,
            running.remote(agent) as remote,
            StatusStub(admin).FollowChanges.open() as following,
            ChangesStub(remote).Watch.open() as watch,
        ):
            await following.send_message(api.FollowChangesRequest(), end=True)
            await watch.send_message(change_pb2.WatchRequest(open=change_pb2.Open()))
            assert await watch.recv_message()
            await unary(EntryStub(admin).BatchCreateEntry, create(agent.id))
            pushed = await watch.recv_message()
            assert pushed
            acknowledged = change_pb2.Acknowledge(position=pushed.position)
            await watch.send_message(change_pb2.WatchRequest(acknowledge=acknowledged))
            change = await until_arrived(following)
            assert change.position == pushed.position
            assert [(one.kind, one.key) for one in change.things] == [("entry", "web")]
            assert change.concerned == 1
            assert not change.waiting
            assert change.last_arrival == change.median_arrival > 0
            [author] = change.authors
            assert author.method == "BatchCreateEntry"
            assert author.caller.startswith("uid ")
            await watch.cancel()
            await following.cancel()

    play(tmp_path, scene)


async def until_arrived(following: Stream[api.FollowChangesRequest, api.ChangesResponse]) -> api.Change:
    """The newest change about the entry, once its agent has it and its author is known."""
    async with asyncio.timeout(10):
        while True:
            answer = await following.recv_message()
            for change in answer.changes if answer else ():
                if change.arrived and change.authors and change.things[0].key == "web":
                    return change


def test_agents_may_not_ask(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.remote(await attest(running)) as channel:
            with pytest.raises(GRPCError, match="authorization denied"):
                await unary(StatusStub(channel).GetStatus, api.GetStatusRequest())

    play(tmp_path, scene)
