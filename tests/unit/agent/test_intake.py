"""What the server says, put in force."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from finial.errors import Unavailable
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.metrics import told as values
from finial.testing.scripted_server import ScriptedServer

PARENT = SpiffeId.parse("spiffe://example.org/node")
OTHER = TrustDomain("other.test")


def entry(name: str) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, PARENT, (Selector("t", "1"),))


def test_a_poll_that_was_overtaken_by_a_push_is_thrown_away(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            before = parts.intake.generation
            parts.intake.change([entry("pushed")], [])
            assert not parts.intake.replace([entry("old")], [server.bundle], before)
            assert set(parts.holdings.entries) == {"pushed"}
            assert parts.intake.replace([entry("polled")], [server.bundle], parts.intake.generation)
            assert set(parts.holdings.entries) == {"polled"}

    asyncio.run(scenario())


def test_trust_changes_hold_for_the_next_call(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            other = replace(server.bundle, x509_authorities=(X509Authority(TestCa().der),))
            parts.intake.change([], [], [other])
            assert parts.bundles == [(other, False)]
            with pytest.raises(Unavailable):
                await parts.connection.get_bundle()

    asyncio.run(scenario())


def test_bundles_of_others_come_and_go_without_touching_the_own(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            foreign = Bundle(OTHER, (X509Authority(b"root"),))
            parts.intake.change([], [], [foreign])
            assert parts.holdings.bundles.get(OTHER) == foreign
            parts.intake.change([], [], [], [OTHER])
            assert parts.holdings.bundles.get(OTHER) is None
            assert parts.bundles == []

    asyncio.run(scenario())


def test_taint_is_told_and_makes_svids_due_and_forgets_tokens(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            server.entries = {"a": entry("a")}
            parts.intake.change([entry("a")], [])
            await parts.signer.sign_due()
            await parts.signer.jwt_svid(entry("a"), ["x"])
            root, key = server.bundle.x509_authorities[0], server.bundle.jwt_authorities[0]
            tainted = Bundle(
                server.trust_domain,
                (replace(root, tainted=True),),
                (replace(key, tainted=True), JwtAuthority("next", key.public_key)),
            )
            parts.intake.change([], [], [tainted])
            assert parts.bundles == [(tainted, True)]
            assert parts.holdings.tainted == {"a"}
            for told in (
                "New tainted X.509 authorities found",
                "Scheduled rotation for SVID entries due to tainted X.509 authorities",
                "count=1",
                "New tainted JWT authorities found",
                "JWT-SVIDs were removed from the JWT cache",
            ):
                assert told in parts.log
            counted = values(parts.metrics)
            for kind in ("x509", "jwt"):
                assert counted[f"s_cache_manager_tainted_{kind}_svids_workload_sum"] == 1
                call = f"s_cache_manager_workload_process_tainted_{kind}_svids"
                assert counted[call + '{status="OK"}'] == 1
            parts.intake.change([], [], [tainted])
            assert len(parts.bundles) == 1

    asyncio.run(scenario())


def test_tokens_of_a_key_that_went_without_a_taint_seen_are_forgotten(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            server.entries = {"a": entry("a")}
            parts.intake.change([entry("a")], [])
            await parts.signer.jwt_svid(entry("a"), ["x"])
            key = server.bundle.jwt_authorities[0]
            replaced = replace(server.bundle, jwt_authorities=(JwtAuthority("next", key.public_key),))
            parts.intake.change([], [], [replaced])
            await parts.signer.jwt_svid(entry("a"), ["x"])
            assert server.calls["NewJWTSVID"] == 2

    asyncio.run(scenario())
