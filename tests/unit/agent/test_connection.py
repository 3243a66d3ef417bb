"""Whom the agent talks to, and under whose name."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from finial.agent.connection import ServerConnection, in_rpc_words, only_server, rpc_text
from finial.errors import Denial, Internal, NotFound, PermissionDenied, Unavailable
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.scripted_server import ScriptedServer

OWN = TrustDomain("example.org")


@pytest.mark.parametrize(
    "peer",
    [
        "spiffe://example.org/spire/agent/join_token/x",
        "spiffe://example.org/web",
        "spiffe://other.test/spire/server",
    ],
)
def test_nobody_but_the_server_of_the_own_trust_domain_is_talked_to(peer: str) -> None:
    only_server(OWN)(SpiffeId.parse("spiffe://example.org/spire/server"))
    with pytest.raises(PermissionDenied, match="unexpected ID"):
        only_server(OWN)(SpiffeId.parse(peer))


def test_trust_follows_the_bundle() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            connection = ServerConnection(server.address, server.bundle)
            assert await connection.get_bundle() == server.bundle
            connection.trust(Bundle(OWN, (X509Authority(TestCa().der),)), server.clock.now())
            with pytest.raises(Unavailable):
                await connection.get_bundle()
            connection.trust(server.bundle, server.clock.now())
            assert await connection.get_bundle() == server.bundle
            await connection.aclose()

    asyncio.run(scenario())


def test_an_identity_that_begins_later_keeps_the_connection_that_it_can_be_renewed_over(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            connection, foreign = parts.connection, Bundle(OWN, (X509Authority(TestCa().der),))
            assert await connection.get_bundle() == server.bundle
            connection.trust(foreign, parts.identity.svid.not_before - timedelta(seconds=1))
            assert await connection.get_bundle() == server.bundle
            connection.show(parts.identity)
            with pytest.raises(Unavailable):
                await connection.get_bundle()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "answer", [Bundle(OWN), Bundle(TrustDomain("other.test"), (X509Authority(TestCa().der),))]
)
def test_a_bundle_that_would_lock_the_agent_out_is_refused(answer: Bundle) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            connection = ServerConnection(server.address, server.bundle)
            server.bundle = answer
            with pytest.raises(Internal):
                await connection.get_bundle()
            await connection.aclose()

    asyncio.run(scenario())


def test_a_denial_keeps_its_reason() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            connection = ServerConnection(server.address, server.bundle)
            with pytest.raises(PermissionDenied) as caught:
                await connection.post_status("1")
            assert caught.value.reason is Denial.AGENT_NOT_ACTIVE
            await connection.aclose()

    asyncio.run(scenario())


def test_the_identity_changes_when_no_call_is_under_way_and_holds_the_next_ones_back() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            connection = ServerConnection(server.address, server.bundle)
            order: list[str] = []
            called, finish = asyncio.Event(), asyncio.Event()

            async def call(name: str) -> None:
                async with connection.using():
                    called.set()
                    await finish.wait()
                    order.append(name)

            async def change() -> None:
                async with connection.quiet():
                    order.append("changed")

            async with asyncio.TaskGroup() as group:
                group.create_task(call("first"))
                await called.wait()
                group.create_task(change())
                await asyncio.sleep(0)
                group.create_task(call("second"))
                await asyncio.sleep(0)
                finish.set()
            assert order == ["first", "changed", "second"]
            assert connection.generation == 1
            await connection.aclose()

    asyncio.run(scenario())


def test_errors_are_told_as_grpc_go_prints_them() -> None:
    assert rpc_text(NotFound("gone")) == "rpc error: code = NotFound desc = gone"
    outer = in_rpc_words("failed to fetch", PermissionDenied("no", reason=Denial.AGENT_BANNED))
    assert isinstance(outer, PermissionDenied)
    assert outer.reason is Denial.AGENT_BANNED
    assert str(outer) == "failed to fetch: rpc error: code = PermissionDenied desc = no"
