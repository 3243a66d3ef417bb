"""Agent and server of ours together: a change arrives by push, and its arrival is proved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from finial.agent.connection import ServerAddress
from finial.client.identity import X509Context
from finial.errors import PermissionDenied
from finial.registry.entry import Entry
from finial.runtime.grpc import unary_with_trailers
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.server import TRUST_DOMAIN, Running, play, token
from finial.wire.convert.entry import entry_to_wire
from finial.wire.metadata import POSITION
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.finial.change.v1.change_pb2 import AgentState, WaitRequest
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import spiffeid_pb2

NODE = SpiffeId.parse("spiffe://example.org/node")
OWN = (Selector("unix", f"uid:{os.geteuid()}"),)


def entry(name: str) -> Entry:
    return Entry(name, SpiffeId.parse(f"spiffe://example.org/{name}"), NODE, OWN)


async def agent(folder: Path, running: Running) -> AbstractAsyncContextManager[RunningAgent]:
    """With the alias `/node`."""
    (folder / "agent").mkdir()
    address = ServerAddress("127.0.0.1", running.server.port, TRUST_DOMAIN)
    bundle = running.server.follower.view.bundles[TRUST_DOMAIN]
    alias = spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/node")
    return RunningAgent(folder / "agent", address, bundle, await token(running, agent_id=alias))


async def create(running: Running, *entries: Entry) -> bytes:
    """The position at which they are in force."""
    request = entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(one) for one in entries])
    async with running.admin() as channel:
        answer, trailers = await unary_with_trailers(EntryStub(channel).BatchCreateEntry, request)
    assert [one.status.code for one in answer.results] == [0] * len(entries)
    position = trailers[POSITION]
    assert isinstance(position, bytes)
    return position


async def delete(running: Running, *ids: str) -> None:
    async with running.admin() as channel:
        await EntryStub(channel).BatchDeleteEntry(entry_pb2.BatchDeleteEntryRequest(ids=ids))


async def states(running: Running, position: bytes, *ids: str) -> list[AgentState]:
    """What Wait answers last."""
    async with running.admin() as channel:
        request = WaitRequest(position=position, entry_ids=ids)
        async with asyncio.timeout(10), ChangesStub(channel).Wait.open() as stream:
            await stream.send_message(request, end=True)
            found: list[AgentState] = []
            while (answer := await stream.recv_message()) is not None:
                found = list(answer.agents) or found
                if answer.done:
                    break
            return found


async def following(stream: AsyncGenerator[X509Context, None], *wanted: str) -> None:
    async with asyncio.timeout(10):
        async for context in stream:
            if [one.svid.id.path for one in context.identities] == list(wanted):
                return


def test_an_entry_is_at_the_workload_when_wait_says_ready(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with await agent(tmp_path, running) as one:
            await one.serving()
            position = await create(running, entry("web"))
            found = await states(running, position, "web")
            assert [state.state for state in found] == [AgentState.READY]
            async with one.workload_api() as api:
                context = await asyncio.wait_for(api.fetch_x509(), 1)
            assert [held.svid.id.path for held in context.identities] == ["/web"]

    play(tmp_path, scene)


def test_entries_come_and_go_on_an_open_stream(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await create(running, entry("web"))
        async with await agent(tmp_path, running) as one:
            await one.serving()
            async with one.workload_api() as api:
                stream = api.watch_x509()
                await following(stream, "/web")
                await create(running, entry("api"))
                await following(stream, "/api", "/web")
                await delete(running, "web")
                await following(stream, "/api")
                await delete(running, "api")
                with pytest.raises(PermissionDenied, match="no identity issued"):
                    await following(stream, "/never")

    play(tmp_path, scene)


@pytest.mark.slow
def test_a_banned_agent_ends_at_once(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with await agent(tmp_path, running) as one:
            await one.serving()
            await one.until_logged("Starting agent APIs")
            name = one.agent_path
            async with running.admin() as channel:
                identity = spiffeid_pb2.SPIFFEID(trust_domain="example.org", path=name)
                await AgentStub(channel).BanAgent(agent_pb2.BanAgentRequest(id=identity))
            with pytest.raises(PermissionDenied):
                await asyncio.wait_for(one.task, 5)
            assert "Agent is banned: removing SVID and shutting down" in one.log

    play(tmp_path, scene)


@pytest.mark.slow
def test_a_hundred_entries_are_signed_in_batches(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await create(running, *(entry(f"web-{number:03}") for number in range(100)))
        async with await agent(tmp_path, running) as one:
            await one.serving()
            async with one.workload_api() as api:
                context = await asyncio.wait_for(api.fetch_x509(), 10)
            assert len(context.identities) == 100

    play(tmp_path, scene)


@pytest.mark.slow
def test_renewal_at_a_real_server_leaves_no_call_denied(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await create(running, entry("web"))
        async with await agent(tmp_path, running) as one:
            await one.serving()
            await one.until(lambda: one.log.count("Successfully rotated agent SVID") == 2)
            position = await create(running, entry("api"))
            found = await states(running, position, "api")
            assert [state.state for state in found] == [AgentState.READY]
            assert "needs to re-attest" not in one.log
            assert "Failed to rotate" not in one.log

    play(tmp_path, scene, 'agent_ttl = "5s"')
