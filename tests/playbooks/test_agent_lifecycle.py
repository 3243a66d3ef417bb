"""An agent from its first start to its end, against a server that does what the test says."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finial.client.identity import X509Context
from finial.errors import Denial, PermissionDenied, Unavailable
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.scripted_server import ScriptedServer

PARENT = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/token-0")
OWN_USER = (Selector("unix", f"uid:{os.geteuid()}"),)


def entry(name: str, **more: Any) -> Entry:
    """For every process of this user."""
    return Entry(name, SpiffeId.parse(f"spiffe://example.org/{name}"), PARENT, OWN_USER, **more)


def paths(context: X509Context) -> list[str]:
    return [one.svid.id.path for one in context.identities]


async def following(stream: AsyncGenerator[X509Context, None], *wanted: str) -> X509Context:
    """The first answer with exactly these identities."""
    async with asyncio.timeout(10):
        async for context in stream:
            if paths(context) == list(wanted):
                return context
    raise AssertionError("stream ended")


def attests(directory: Path, server: ScriptedServer, **more: Any) -> RunningAgent:
    return RunningAgent(directory, server.address, server.bundle, server.new_token(), **more)


def resumes(directory: Path, server: ScriptedServer, **more: Any) -> RunningAgent:
    return RunningAgent(directory, server.address, server.bundle, **more)


@pytest.mark.parametrize("watchable", [True, False], ids=["ours", "stock"])
def test_an_agent_attests_and_serves_and_goes_on_after_a_restart(tmp_path: Path, watchable: bool) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=watchable) as server:
            server.entries = {"web": entry("web"), "api": entry("api", hint="internal")}
            async with attests(tmp_path, server) as agent:
                await agent.serving()
                async with agent.workload_api() as api:
                    context = await api.fetch_x509()
                assert paths(context) == ["/api", "/web"]
                assert "Node attestation was successful" in agent.log
            async with resumes(tmp_path, server) as agent:
                await agent.serving()
                assert "SVID loaded" in agent.log
            assert server.calls["AttestAgent"] == 1

    asyncio.run(scenario())
    assert (tmp_path / "agent-data.json").stat().st_mode & 0o777 == 0o600
    assert list(json.loads((tmp_path / "keys.json").read_text())["keys"]) == ["agent-svid-A"]


def test_a_pushed_entry_reaches_an_open_stream_and_is_acknowledged_after_its_svid(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server:
            server.entries = {"web": entry("web")}
            async with attests(tmp_path, server) as agent:
                await agent.serving()
                await server.watch_opened.wait()
                async with agent.workload_api() as api:
                    stream = api.watch_x509()
                    await following(stream, "/web")
                    signing = asyncio.Event()
                    may_sign = asyncio.Event()

                    async def hold() -> None:
                        signing.set()
                        await may_sign.wait()

                    server.before["BatchNewX509SVID"] = hold
                    server.push(b"one", entry("api"))
                    await signing.wait()
                    assert b"one" not in server.watches[0].acknowledged
                    may_sign.set()
                    await following(stream, "/api", "/web")
                    await agent.until(lambda: b"one" in server.watches[0].acknowledged)

    asyncio.run(scenario())


@pytest.mark.parametrize("watchable", [True, False], ids=["ours", "stock"])
def test_losing_the_last_identity_ends_the_stream(tmp_path: Path, watchable: bool) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=watchable) as server:
            server.entries = {"web": entry("web")}
            async with attests(tmp_path, server) as agent:
                await agent.serving()
                async with agent.workload_api() as api:
                    stream = api.watch_x509()
                    await following(stream, "/web")
                    if watchable:
                        await server.watch_opened.wait()
                    server.push(b"two", withdrawn=("web",))
                    with pytest.raises(PermissionDenied, match="no identity issued"):
                        await following(stream, "/never")

    asyncio.run(scenario())


def test_a_watch_that_the_server_ends_is_opened_anew_where_it_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server:
            server.entries = {"web": entry("web")}
            async with attests(tmp_path, server) as agent:
                await agent.serving()
                await agent.until(lambda: bool(server.watches and server.watches[0].acknowledged))
                server.push(b"one", entry("api"))
                await agent.until(lambda: b"one" in server.watches[0].acknowledged)
                before = server.watches[0]
                before.outgoing.put_nowait(None)
                await agent.until(lambda: bool(server.watches and server.watches[0] is not before))
                opened = server.watches[0].opened
                assert opened.position == b"one"
                assert sorted(one.id for one in opened.known) == ["api", "web"]

    asyncio.run(scenario())


def test_a_changed_entry_is_signed_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            server.entries = {"web": entry("web")}
            async with attests(tmp_path, server) as agent:
                await agent.serving()
                async with agent.workload_api() as api:
                    stream = api.watch_x509()
                    first = await following(stream, "/web")
                    server.entries["web"] = replace(server.entries["web"], revision_number=1)
                    second = await following(stream, "/web")
                    assert second.identities[0].svid.chain != first.identities[0].svid.chain

    asyncio.run(scenario())


@pytest.mark.slow
def test_the_agent_renews_itself_and_never_calls_with_an_svid_the_server_forgot(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer(agent_ttl=5) as server:
            async with attests(tmp_path, server) as agent:
                await agent.serving()
                await agent.until(lambda: agent.log.count("Successfully rotated agent SVID") == 2)
                polls = server.calls["SyncAuthorizedEntries"]
                await agent.until(lambda: server.calls["SyncAuthorizedEntries"] > polls)
            assert "Failed to rotate" not in agent.log
            assert "needs to re-attest" not in agent.log

    asyncio.run(scenario())
    assert list(json.loads((tmp_path / "keys.json").read_text())["keys"]) == ["agent-svid-A", "agent-svid-B"]


@pytest.mark.slow
def test_a_renewed_svid_that_the_server_denies_is_given_up_for_the_old_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer(agent_ttl=4) as server, attests(tmp_path, server) as agent:
            await agent.serving()
            first = (tmp_path / "agent-data.json").read_bytes()

            async def deny() -> None:
                raise PermissionDenied("denied for now")

            server.before["PostStatus"] = deny
            await agent.until_logged("Failed to rotate agent SVID")
            assert (tmp_path / "agent-data.json").read_bytes() == first

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_renewed_svid_is_used_though_the_answer_to_its_first_call_is_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer(agent_ttl=4) as server, attests(tmp_path, server) as agent:
            await agent.serving()
            first = (tmp_path / "agent-data.json").read_bytes()

            async def lost() -> None:
                server.serials = set(server.renewed)  # it arrived: the old one is forgotten
                raise Unavailable("answer lost")

            server.before["PostStatus"] = lost
            await agent.until_logged("Successfully rotated agent SVID")
            assert (tmp_path / "agent-data.json").read_bytes() != first
            polls = server.calls["SyncAuthorizedEntries"]
            await agent.until(lambda: server.calls["SyncAuthorizedEntries"] > polls + 1)
            assert "needs to re-attest" not in agent.log

    asyncio.run(scenario())


def test_a_banned_agent_removes_its_svid_and_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, attests(tmp_path, server) as agent:
            await agent.serving()
            server.deny = Denial.AGENT_BANNED
            with pytest.raises(PermissionDenied):
                await asyncio.wait_for(agent.task, 10)
            assert "Agent is banned: removing SVID and shutting down" in agent.log

    asyncio.run(scenario())
    assert json.loads((tmp_path / "agent-data.json").read_text())["svid"] is None


def test_an_evicted_agent_attests_again_if_its_method_allows(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, attests(tmp_path, server) as agent:
            server.reattestable = True
            server.entries = {"web": entry("web")}
            await agent.serving()
            server.tokens.add("token-0")
            server.serials.clear()
            await agent.until(lambda: server.calls["AttestAgent"] == 2)
            await agent.until(lambda: agent.log.count("Node attestation was successful") == 2)
            async with agent.workload_api() as api:
                assert paths(await api.fetch_x509()) == ["/web"]

    asyncio.run(scenario())


def test_an_evicted_agent_whose_token_is_used_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, attests(tmp_path, server) as agent:
            await agent.serving()
            server.serials.clear()
            with pytest.raises(PermissionDenied):
                await asyncio.wait_for(agent.task, 10)
            assert "Agent failed re-attestation; removing SVID and shutting down" in agent.log
            assert "attestation method is not re-attestable" in agent.log
            assert server.calls["AttestAgent"] == 1

    asyncio.run(scenario())


def test_an_agent_that_was_evicted_while_it_was_down_forgets_its_svid_and_ends(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            async with attests(tmp_path, server) as agent:
                await agent.serving()
            server.serials.clear()
            async with resumes(tmp_path, server) as agent:
                with pytest.raises(PermissionDenied):
                    await asyncio.wait_for(agent.task, 10)
                assert "Agent needs to re-attest: removing SVID and shutting down" in agent.log

    asyncio.run(scenario())
    assert json.loads((tmp_path / "agent-data.json").read_text())["svid"] is None


def test_a_server_whose_policy_denies_the_call_costs_no_svid(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:

            async def deny() -> None:
                raise PermissionDenied("authorization denied for method")

            server.before["SyncAuthorizedEntries"] = deny
            async with attests(tmp_path, server) as agent:
                with pytest.raises(PermissionDenied):
                    await asyncio.wait_for(agent.task, 10)

    asyncio.run(scenario())
    assert json.loads((tmp_path / "agent-data.json").read_text())["svid"] is not None


def test_a_server_that_denies_the_node_ends_the_start_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, attests(tmp_path, server) as agent:

            async def deny() -> None:
                raise PermissionDenied("failed to attest: agent is banned")

            server.before["AttestAgent"] = deny
            with pytest.raises(PermissionDenied, match="agent is banned"):
                await asyncio.wait_for(agent.task, 10)
            assert server.calls["AttestAgent"] == 1

    asyncio.run(scenario())


def test_a_server_of_another_ca_never_sees_the_token(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, ScriptedServer() as impostor:
            agent = RunningAgent(tmp_path, impostor.address, server.bundle, "secret-token")
            async with agent:
                await agent.until_logged("Failed to retrieve attestation result")
            assert impostor.calls["AttestAgent"] == 0
            assert "could not open attestation stream to SPIRE server" in agent.log
            assert "secret-token" not in agent.log

    asyncio.run(scenario())
