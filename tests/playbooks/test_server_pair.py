"""Two servers on one database, each with its own CA: what one does, the other knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, unary
from finial.spiffe.id import SpiffeId
from finial.testing.server import TRUST_DOMAIN, Identity, Running, attest, server
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Running, Running]]:
    for name in ("one", "two"):
        (folder / name).mkdir()
    async with (
        server(folder / "one") as one,
        server(folder / "two", database=folder / "one" / "data.sqlite3") as two,
    ):
        await one.server.follower.reached(await one.server.store.changes.position())
        yield one, two


async def authorized(running: Running, agent: Identity) -> list[str]:
    async with running.remote(agent) as channel:
        answer = await unary(EntryStub(channel).GetAuthorizedEntries, entry_pb2.GetAuthorizedEntriesRequest())
    return [entry.id for entry in answer.entries]


async def same_position(one: Running, two: Running) -> None:
    """Both have applied what was committed so far."""
    here = await two.server.store.changes.position()
    await asyncio.wait_for(one.server.follower.reached(here), 5)
    await asyncio.wait_for(two.server.follower.reached(here), 5)


def test_each_trusts_the_others_agents_and_serves_the_others_entries(tmp_path: Path) -> None:
    async def play() -> None:
        async with pair(tmp_path) as (one, two):
            roots = one.server.follower.view.bundles[TRUST_DOMAIN].x509_roots
            assert len(roots) == 2
            assert one.server.signer.issuer.ca.authority_id != two.server.signer.issuer.ca.authority_id
            agent = await attest(one)
            entry = types_pb2.Entry(id="e", parent_id=id_to_wire(agent.id))
            entry.spiffe_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, "/w")))
            entry.selectors.add(type="a", value="b")
            async with two.admin() as channel:
                await unary(
                    EntryStub(channel).BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=[entry])
                )
            await same_position(one, two)
            assert await authorized(one, agent) == ["e"]
            assert await authorized(two, agent) == ["e"]

    asyncio.run(play())


def test_an_agent_that_is_banned_at_one_is_denied_at_the_other(tmp_path: Path) -> None:
    async def play() -> None:
        async with pair(tmp_path) as (one, two):
            agent = await attest(one)
            await same_position(one, two)
            assert await authorized(two, agent) == []
            async with one.admin() as channel:
                await unary(AgentStub(channel).BanAgent, agent_pb2.BanAgentRequest(id=id_to_wire(agent.id)))
            await same_position(one, two)
            with pytest.raises(GRPCError, match="authorization denied"):
                await authorized(two, agent)

    asyncio.run(play())
