"""Pages of lists over what may happen between two of them: a restart, another server, a row that went."""

from __future__ import annotations

import asyncio
from pathlib import Path

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime.grpc import Channel, unary
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.server import TRUST_DOMAIN, Running, server
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub

PARENT = SpiffeId(TRUST_DOMAIN, "/node")


def entry(number: int) -> Entry:
    return Entry(f"e{number}", SpiffeId(TRUST_DOMAIN, f"/w{number}"), PARENT, (Selector("a", "b"),))


def agent(number: int) -> Agent:
    return Agent(SpiffeId(TRUST_DOMAIN, f"/spire/agent/t/{number}"), "t", "1", 4102444800)


async def page(channel: Channel, size: int, token: str = "") -> tuple[list[str], str]:
    request = entry_pb2.ListEntriesRequest(page_size=size, page_token=token)
    answer = await unary(EntryStub(channel).ListEntries, request)
    return [one.id for one in answer.entries], answer.next_page_token


async def agent_page(channel: Channel, token: str = "") -> tuple[list[str], str]:
    request = agent_pb2.ListAgentsRequest(page_size=1, page_token=token)
    answer = await unary(AgentStub(channel).ListAgents, request)
    return [one.id.path for one in answer.agents], answer.next_page_token


async def bundle_page(channel: Channel, token: str) -> tuple[list[str], str]:
    request = bundle_pb2.ListFederatedBundlesRequest(page_size=1, page_token=token)
    answer = await unary(BundleStub(channel).ListFederatedBundles, request)
    return [one.trust_domain for one in answer.bundles], answer.next_page_token


async def fill(running: Running, entries: int, agents: int = 0) -> None:
    made = await running.server.store.create_entries([entry(number) for number in range(entries)])
    position = made.position
    for number in range(agents):
        position = (await running.server.store.put_agent(agent(number))).position
    await running.server.follower.reached(position)


async def delete(running: Running, *entry_ids: str) -> None:
    done = await running.server.store.delete_entries(entry_ids)
    await running.server.follower.reached(done.position)


def test_more_than_a_thousand_entries_come_once_each_while_the_first_page_is_deleted(tmp_path: Path) -> None:
    async def run() -> None:
        async with server(tmp_path) as running, running.admin() as channel:
            await fill(running, 1201)
            listed, token = await page(channel, 500)
            await delete(running, *listed)
            while token:
                more, token = await page(channel, 500, token)
                listed += more
            assert listed == [f"e{number}" for number in range(1201)]

    asyncio.run(run())


def test_a_token_holds_over_a_restart_and_is_the_row_id(tmp_path: Path) -> None:
    async def run() -> None:
        async with server(tmp_path) as running, running.admin() as channel:
            await fill(running, 5, agents=2)
            await delete(running, "e0")
            assert await page(channel, 2) == (["e1", "e2"], "3")
            assert await agent_page(channel) == (["/spire/agent/t/0"], "1")
            await delete(running, "e2")
        async with server(tmp_path) as running, running.admin() as channel:
            assert await page(channel, 2, "3") == (["e3", "e4"], "5")
            assert await page(channel, 2, "5") == ([], "")
            assert await agent_page(channel, "1") == (["/spire/agent/t/1"], "2")

    asyncio.run(run())


def test_a_token_of_one_server_is_good_at_another(tmp_path: Path) -> None:
    database = tmp_path / "one" / "data.sqlite3"

    async def run() -> None:
        async with server(tmp_path / "one") as one, server(tmp_path / "two", database=database) as two:
            for domain in ("one.test", "two.test"):
                await one.server.store.set_bundle(Bundle(TrustDomain(domain)))
            await one.server.store.delete_bundle(TrustDomain("one.test"))
            made = await one.server.store.create_entries([entry(number) for number in range(3)])
            await one.server.follower.reached(made.position)
            await two.server.follower.reached(made.position)
            await delete(one, "e0")
            async with one.admin() as first, two.admin() as second:
                listed, token = await page(first, 1)
                assert (listed, token) == (["e1"], "2")
                assert await page(second, 1, token) == (["e2"], "3")
                _, own = await bundle_page(first, "")
                assert await bundle_page(second, own) == (["two.test"], "3")

    asyncio.run(run())
