"""The agent's own SVID changes hands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from finial.agent.identity import AgentIdentity
from finial.agent.renew import Renewal, reattest_hint
from finial.errors import Denial, Internal, PermissionDenied, Unavailable
from finial.runtime import clock as clock_module
from finial.runtime.clock import Clock
from finial.runtime.tasks import Tasks
from finial.spiffe.id import SpiffeId
from finial.testing.clock import SetBack
from finial.testing.metrics import told
from finial.testing.scripted_server import ScriptedServer


class Bench:
    def __init__(self, parts: Any, *, availability_target: float = 0.0, clock: Clock | None = None) -> None:
        self.stored: list[AgentIdentity] = []
        self.attested = 0
        self.parts = parts
        self.renewal = Renewal(
            parts.identity,
            parts.connection,
            parts.keys,
            self.reattest,
            self.store,
            clock or parts.server.clock,
            lambda low, high: low,
            parts.logger,
            parts.metrics,
            availability_target=availability_target,
        )

    async def store(self, identity: AgentIdentity) -> None:
        self.stored.append(identity)

    async def reattest(self) -> AgentIdentity:
        self.attested += 1
        identity: AgentIdentity = self.parts.identity
        return identity


def test_an_availability_target_brings_the_renewal_forward(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            svid = parts.identity.svid
            end = server.clock.now() + timedelta(hours=72)
            parts.identity = replace(parts.identity, svid=replace(svid, not_after=end))
            assert Bench(parts).renewal.renew_at > end - timedelta(hours=40)
            targeted = Bench(parts, availability_target=48 * 3600.0)
            assert targeted.renewal.renew_at == end - timedelta(hours=48)

    asyncio.run(scenario())


def test_another_target_counts_for_the_identity_that_follows(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            end = server.clock.now() + timedelta(hours=72)
            svid = replace(parts.identity.svid, not_after=end)
            parts.identity = replace(parts.identity, svid=svid, reattestable=True)
            renewal = Bench(parts).renewal
            before = renewal.renew_at
            renewal.plan(48 * 3600.0, 0.5)
            assert renewal.renew_at == before
            await renewal.attest_anew()
            assert renewal.renew_at == end - timedelta(hours=48)

    asyncio.run(scenario())


def test_a_renewal_is_stored_before_its_first_use_and_the_old_key_stays(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            bench = Bench(parts)
            stored_before_use: list[int] = []

            async def first_use() -> None:
                stored_before_use.append(len(bench.stored))

            server.before["PostStatus"] = first_use
            await bench.renewal.renew(server.bundle)
            assert stored_before_use == [1]
            fresh = bench.renewal.identity
            assert (parts.identity.slot, fresh.slot) == ("agent-svid-A", "agent-svid-B")
            assert server.serials == {fresh.svid.serial_number}
            await parts.connection.post_status("1")

    asyncio.run(scenario())


def test_a_denied_renewal_is_taken_back(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            bench = Bench(parts)

            async def deny() -> None:
                raise PermissionDenied("no")

            server.before["PostStatus"] = deny
            with pytest.raises(PermissionDenied):
                await bench.renewal.renew(server.bundle)
            assert bench.stored[-1] is bench.renewal.identity is parts.identity
            assert told(parts.metrics)['s_agent_svid_rotate{status="PermissionDenied"}'] == 1
            server.before.clear()
            await parts.connection.post_status("1")

    asyncio.run(scenario())


def test_a_renewal_for_another_key_is_refused_before_it_is_used(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            bench = Bench(parts)
            server.change_svid = lambda _svid: parts.identity.svid
            with pytest.raises(Internal, match="not what was asked for"):
                await bench.renewal.renew(server.bundle)
            assert bench.stored == []

    asyncio.run(scenario())


def test_a_server_that_wants_a_proof_again_gets_one(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            bench = Bench(parts)

            async def must_reattest() -> None:
                raise PermissionDenied("attest", reason=Denial.AGENT_MUST_REATTEST)

            server.before["RenewAgent"] = must_reattest
            await bench.renewal.renew(server.bundle)
            assert bench.attested == 1
            counted = told(parts.metrics)
            assert counted['s_agent_svid_rotate{status="OK"}'] == 1
            assert counted['s_node_attest{status="OK"}'] == 1

    asyncio.run(scenario())


@pytest.mark.slow
def test_taint_renews_at_once_and_failures_are_tried_again(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            bench = Bench(parts)

            async def away() -> None:
                server.before.clear()
                raise Unavailable("away")

            server.before["RenewAgent"] = away
            async with Tasks() as tasks:
                tasks.start(bench.renewal.run(lambda: server.bundle))
                await asyncio.sleep(0)
                assert server.calls["RenewAgent"] == 0
                bench.renewal.taint()
                async with asyncio.timeout(5):
                    while bench.renewal.identity is parts.identity:  # noqa: ASYNC110 - sends no event
                        await asyncio.sleep(0.001)
            assert server.calls["RenewAgent"] == 2
            assert "Agent SVID is tainted by a root authority, forcing rotation" in parts.log
            assert "Failed to rotate agent SVID" in parts.log

    asyncio.run(scenario())


def test_a_clock_set_back_to_before_the_svid_begins_renews_it_until_that_succeeds(
    joined: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_module, "LONGEST_NAP", 0.01)

    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            clock = SetBack()
            bench = Bench(parts, clock=clock)

            async def not_yet() -> None:
                server.before.clear()
                raise Unavailable("X.509 CA is not valid before ...")

            server.before["RenewAgent"] = not_yet
            async with Tasks() as tasks, asyncio.timeout(5):
                tasks.start(bench.renewal.run(lambda: server.bundle))
                clock.behind = 5.0  # a certificate begins ten seconds before it was made
                looks = clock.naps
                while clock.naps < looks + 3:  # noqa: ASYNC110 - sends no event
                    await asyncio.sleep(0.001)
                assert server.calls["RenewAgent"] == 0
                clock.behind = 3600.0
                while bench.renewal.identity is parts.identity:  # noqa: ASYNC110 - sends no event
                    await asyncio.sleep(0.001)
            assert server.calls["RenewAgent"] == 2
            assert "The clock was set back to before the agent SVID begins" in parts.log

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "reattestable", "told"),
    [
        ("join_token/one", False, "token generate"),
        ("x509pop/0a", True, "by its NodeAttestor"),
        ("a-cloud/i-1", False, "agent evict"),
    ],
)
def test_the_hint_is_for_the_method_that_attested(
    joined: Any, path: str, reattestable: bool, told: str
) -> None:
    async def scenario() -> str:
        async with ScriptedServer() as server, joined(server) as parts:
            agent = SpiffeId.parse(f"spiffe://example.org/spire/agent/{path}")
            svid = replace(parts.identity.svid, id=agent)
            return reattest_hint(replace(parts.identity, svid=svid, reattestable=reattestable))

    assert told in asyncio.run(scenario())
