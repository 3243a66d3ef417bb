"""Changes by push: applied as a whole, acknowledged when in hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from finial.errors import Internal, PermissionDenied, Unsupported
from finial.registry.entry import Entry
from finial.runtime.tasks import Tasks
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.scripted_server import ScriptedServer
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.pb.finial.change.v1 import change_pb2

PARENT = SpiffeId.parse("spiffe://example.org/node")
OTHER = TrustDomain("other.test")


def entry(name: str) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, PARENT, (Selector("t", "1"),))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition sends no event
            await asyncio.sleep(0.001)


def test_a_change_in_parts_is_applied_as_a_whole_and_then_acknowledged(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            tasks.start(parts.watch.run())
            await until(lambda: bool(server.watches and server.watches[0].acknowledged))
            server.push(b"1", entry("a"), more=True)
            server.push(b"2", entry("b"), withdrawn=("c",), more=True)
            await asyncio.sleep(0.02)
            assert parts.holdings.entries == {}
            server.push(b"3", entry("c"))
            await until(lambda: b"3" in server.watches[0].acknowledged)
            assert server.watches[0].acknowledged == [b"start", b"3"]
            assert set(parts.holdings.entries) == {"a", "b", "c"}
            assert all(parts.holdings.held(one) for one in "abc")

    asyncio.run(scenario())


def test_it_opens_with_what_it_holds(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            parts.intake.change([entry("kept"), entry("gone")], [])
            parts.watch.position = b"here"
            server.entries = {"kept": entry("kept")}
            tasks.start(parts.watch.run())
            await until(lambda: bool(server.watches and server.watches[0].acknowledged))
            opened = server.watches[0].opened
            assert opened.position == b"here"
            assert sorted(one.id for one in opened.known) == ["gone", "kept"]
            assert set(parts.holdings.entries) == {"kept"}

    asyncio.run(scenario())


def test_a_stock_server_does_not_know_it(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            with pytest.raises(Unsupported):
                await parts.watch.run()

    asyncio.run(scenario())


def test_none_is_opened_while_the_identity_changes(joined: Any) -> None:
    """It would show the old one, which the server forgets in the midst of the change, and be denied for good."""

    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            async with parts.connection.quiet():
                tasks.start(parts.watch.run())
                await asyncio.sleep(0.02)
                assert not server.watches
            await until(lambda: bool(server.watches and server.watches[0].acknowledged))

    asyncio.run(scenario())


def test_a_denial_counts_only_if_the_identity_is_still_the_same(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts:

            async def renewed_meanwhile() -> None:
                parts.connection.generation += 1

            server.serials.clear()
            with pytest.raises(PermissionDenied):
                await parts.watch.run()
            server.before["Watch"] = renewed_meanwhile
            await parts.watch.run()

    asyncio.run(scenario())


def test_it_ends_when_trust_changed_so_that_the_next_one_has_the_new_trust(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            running = tasks.start(parts.watch.run())
            await until(lambda: bool(server.watches and server.watches[0].acknowledged))
            parts.connection.show(parts.identity)
            await asyncio.wait_for(running, 5)

    asyncio.run(scenario())


def test_a_new_root_that_it_brings_ends_it_in_peace(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            running = tasks.start(parts.watch.run())
            await until(lambda: bool(server.watches and server.watches[0].acknowledged))
            wider = parts.holdings.bundle.appended(
                Bundle(parts.holdings.trust_domain, (X509Authority(TestCa().der),))
            )
            change = change_pb2.WatchResponse(position=b"1", bundles=[bundle_to_wire(wider)])
            server.watches[0].outgoing.put_nowait(change)
            await asyncio.wait_for(running, 5)
            assert parts.holdings.bundle.x509_roots == wider.x509_roots

    asyncio.run(scenario())


def test_a_bundle_that_a_poll_replaced_is_not_claimed_to_be_known(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            pushed, polled = Bundle(OTHER, sequence_number=2), Bundle(OTHER, sequence_number=1)
            change = change_pb2.WatchResponse(position=b"1", bundles=[bundle_to_wire(pushed)])
            known = []
            for replacement in (pushed, polled):
                parts.intake.replace([], [], parts.intake.generation)
                running = tasks.start(parts.watch.run())
                await until(lambda: bool(server.watches))
                server.watches[0].outgoing.put_nowait(change)
                await until(lambda: parts.holdings.bundles.get(OTHER) == pushed)
                parts.intake.replace([], [replacement], parts.intake.generation)
                server.watches[0].outgoing.put_nowait(None)
                await running
                await until(lambda: not server.watches)
                running = tasks.start(parts.watch.run())
                await until(lambda: bool(server.watches))
                known.append(len(server.watches[0].opened.known_bundles))
                server.watches[0].outgoing.put_nowait(None)
                await running
                await until(lambda: not server.watches)
            assert known == [1, 0]

    asyncio.run(scenario())


def test_an_own_bundle_without_roots_is_refused_and_the_one_in_hand_stays(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts:
            running = asyncio.ensure_future(parts.watch.run())
            await until(lambda: bool(server.watches))
            empty = bundle_to_wire(Bundle(server.trust_domain))
            server.watches[0].outgoing.put_nowait(change_pb2.WatchResponse(position=b"1", bundles=[empty]))
            with pytest.raises(Internal, match="holds no X.509 authority"):
                await running
            assert parts.holdings.bundle == server.bundle

    asyncio.run(scenario())
