"""The calls of a stock agent: pages, revisions, bundles."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from finial.agent.poll import fetch_bundles, fetch_entries, is_stale, read_entries
from finial.errors import Internal, Unavailable
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.scripted_server import ScriptedServer
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2

PARENT = SpiffeId.parse("spiffe://example.org/node")


def entry(name: str, **more: Any) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, PARENT, (Selector("t", "1"),), **more)


def named(*names: str) -> dict[str, Entry]:
    return {name: entry(name) for name in names}


def test_a_page_or_less_comes_as_one_message(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            server.entries = named("a", "b")
            assert await fetch_entries(parts.connection, {}, parts.logger) == server.entries
            assert server.calls["SyncAuthorizedEntries page"] == 0

    asyncio.run(scenario())


def test_of_many_only_what_is_new_or_stale_is_fetched(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            server.page_size = 2
            server.entries = named("a", "b", "c", "d", "e")
            everything = await fetch_entries(parts.connection, {}, parts.logger)
            assert everything == server.entries
            assert server.calls["SyncAuthorizedEntries page"] == 3
            server.entries["b"] = replace(server.entries["b"], revision_number=1, hint="x")
            del server.entries["e"]
            server.entries["f"] = entry("f")
            assert await fetch_entries(parts.connection, everything, parts.logger) == server.entries
            assert server.calls["SyncAuthorizedEntries page"] == 4

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("revision", "created_at", "stale"),
    [(3, 7, False), (4, 7, True), (3, 8, True), (3, 0, False)],
    ids=["same", "changed", "created anew", "old server"],
)
def test_an_entry_is_stale_by_revision_or_creation(revision: int, created_at: int, stale: bool) -> None:
    held = entry("a", revision_number=3, created_at=7)
    told = entry_pb2.EntryRevision(id="a", revision_number=revision, created_at=created_at)
    assert is_stale(held, told) is stale


def test_a_malformed_entry_is_left_out_and_the_others_stay(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            good, bad, bare = (entry_to_wire(entry(name)) for name in ("good", "bad", "bare"))
            bad.spiffe_id.path = "no slash"
            del bare.selectors[:]
            assert list(read_entries([bad, good, bare], parts.logger)) == ["good"]
            assert parts.log.count("Received malformed entry from SPIRE server") == 2

    asyncio.run(scenario())


class Mixing(ScriptedServer):
    async def SyncAuthorizedEntries(self, stream: Any) -> None:
        await stream.recv_message()
        revision = entry_pb2.EntryRevision(id="a")
        await stream.send_message(
            entry_pb2.SyncAuthorizedEntriesResponse(
                entry_revisions=[revision], entries=[entry_to_wire(entry("a"))]
            )
        )


class Breaking(ScriptedServer):
    async def SyncAuthorizedEntries(self, stream: Any) -> None:
        await stream.recv_message()
        revision = entry_pb2.EntryRevision(id="a")
        await stream.send_message(
            entry_pb2.SyncAuthorizedEntriesResponse(entry_revisions=[revision], more=True)
        )


@pytest.mark.parametrize(
    ("kind", "why"), [(Mixing, "unexpected entry in response"), (Breaking, "stream ended early")]
)
def test_a_server_that_breaks_the_protocol_changes_nothing(
    joined: Any, kind: type[ScriptedServer], why: str
) -> None:
    async def scenario() -> None:
        async with kind() as server, joined(server) as parts:
            with pytest.raises(Internal, match=why):
                await fetch_entries(parts.connection, {}, parts.logger)

    asyncio.run(scenario())


def test_bundles_of_federated_domains_come_along_as_far_as_there_are_any(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            one, absent = TrustDomain("one.test"), TrustDomain("absent.test")
            server.federated[one] = Bundle(one, (X509Authority(TestCa("one.test").der),))
            entries = [entry("a", federates_with=(one, absent)), entry("b", federates_with=(one,))]
            found = await fetch_bundles(parts.connection, entries)
            assert found == [server.bundle, server.federated[one]]

            async def away() -> None:
                raise Unavailable("away")

            server.before["GetFederatedBundle"] = away
            with pytest.raises(Unavailable):
                await fetch_bundles(parts.connection, entries)

    asyncio.run(scenario())
