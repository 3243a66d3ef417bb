"""The life of an agent at a real server over real TLS: attest, sync, sign, renew, ban, evict, expire."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.errors import Denial
from finial.runtime.grpc import Channel, GRPCError, Status, unary
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.server import Identity, Running, attest, new_key, server, token
from finial.wire.convert.id import id_to_wire
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2
from finial.wire.pb.spire.api.types import status_pb2

WORKLOAD = SpiffeId.parse("spiffe://example.org/workload")


def entry_message(name: str, parent: SpiffeId) -> types_pb2.Entry:
    message = types_pb2.Entry(id=name, parent_id=id_to_wire(parent), spiffe_id=id_to_wire(WORKLOAD))
    message.selectors.add(type="unix", value=f"uid:{name}")
    return message


async def register(running: Running, *messages: types_pb2.Entry) -> list[int]:
    async with running.admin() as channel:
        answer = await unary(
            EntryStub(channel).BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=messages)
        )
    return [result.status.code for result in answer.results]


async def sign(channel: Channel, entry_id: str, request: bytes) -> svid_pb2.BatchNewX509SVIDResponse.Result:
    param = svid_pb2.NewX509SVIDParams(entry_id=entry_id, csr=request)
    answer = await unary(SVIDStub(channel).BatchNewX509SVID, svid_pb2.BatchNewX509SVIDRequest(params=[param]))
    return answer.results[0]


async def authorized(channel: Channel) -> list[str]:
    answer = await unary(EntryStub(channel).GetAuthorizedEntries, entry_pb2.GetAuthorizedEntriesRequest())
    return [entry.id for entry in answer.entries]


async def denial_of(running: Running, agent: Identity) -> Denial:
    """How a call of the agent's is refused."""
    async with running.remote(agent) as channel:
        with pytest.raises(GRPCError) as refusal:
            await authorized(channel)
    assert refusal.value.status is Status.PERMISSION_DENIED
    return reason_of(refusal.value)


def reason_of(refusal: GRPCError) -> Denial:
    details = list(refusal.details or ())
    assert len(details) == 1
    assert isinstance(details[0], status_pb2.PermissionDeniedDetails)
    return Denial(details[0].reason)


def test_an_agent_attests_syncs_and_has_svids_signed(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running:
            agent = await attest(running)
            assert agent.id.path.startswith("/spire/agent/join_token/")
            assert await register(running, entry_message("one", agent.id)) == [0]
            async with running.remote(agent) as channel:
                bundle = await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())
                assert bundle.trust_domain == "example.org"
                assert len(bundle.x509_authorities) == 1
                assert await authorized(channel) == ["one"]
                other = SpiffeId.parse("spiffe://example.org/another")
                signed = await sign(channel, "one", csr.create(new_key(), other))
            assert x509_svid_from_wire(signed.svid).id == WORKLOAD  # whatever the CSR named

    asyncio.run(play())


def test_a_token_admits_one_node_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running:
            value = await token(running)
            await attest(running, value)
            with pytest.raises(GRPCError, match="does not exist or has already been used") as refusal:
                await attest(running, value)
            assert refusal.value.status is Status.INVALID_ARGUMENT

    asyncio.run(play())


def test_a_compromised_agent_gets_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running:
            agent, victim = await attest(running), await attest(running)
            await register(running, entry_message("theirs", victim.id))
            async with running.remote(agent) as channel:
                for entry_id in ("theirs", "nope"):
                    result = await sign(channel, entry_id, csr.create(new_key(), WORKLOAD))
                    assert result.status.code == 5
                    assert result.status.message == "entry not found or not authorized"
                    assert not result.HasField("svid")
                with pytest.raises(GRPCError, match="not found or not authorized"):
                    await unary(
                        SVIDStub(channel).NewJWTSVID,
                        svid_pb2.NewJWTSVIDRequest(entry_id="theirs", audience=["a"]),
                    )
                assert await authorized(channel) == []

    asyncio.run(play())


async def renewed(running: Running, agent: Identity) -> Identity:
    key = new_key()
    request = agent_pb2.RenewAgentRequest()
    request.params.csr = csr.create(key)
    async with running.remote(agent) as channel:
        answer = await unary(AgentStub(channel).RenewAgent, request)
    return Identity(x509_svid_from_wire(answer.svid), key)


def test_the_first_call_with_a_renewed_svid_ends_the_old_one(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running:
            old = await attest(running)
            unused = await renewed(running, old)
            new = await renewed(running, old)
            assert await denial_of(running, unused) is Denial.AGENT_NOT_ACTIVE
            async with running.remote(new) as channel:
                await authorized(channel)
            assert await denial_of(running, old) is Denial.AGENT_NOT_ACTIVE
            async with running.remote(old) as channel:  # what anybody may call still answers
                await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())

    asyncio.run(play())


def test_a_banned_agent_is_denied_until_it_is_evicted_and_then_unknown(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running:
            agent = await attest(running)
            async with running.admin() as channel:
                operator = AgentStub(channel)
                await unary(operator.BanAgent, agent_pb2.BanAgentRequest(id=id_to_wire(agent.id)))
                assert await denial_of(running, agent) is Denial.AGENT_BANNED
                await unary(operator.DeleteAgent, agent_pb2.DeleteAgentRequest(id=id_to_wire(agent.id)))
                assert await denial_of(running, agent) is Denial.AGENT_NOT_ATTESTED
            assert any("Agent banned" in line for line in running.lines)
            assert any("Agent deleted" in line for line in running.lines)

    asyncio.run(play())


def test_an_svid_that_ends_is_refused_on_a_connection_it_kept(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path, 'agent_ttl = "2s"') as running:
            agent = await attest(running)
            async with running.remote(agent) as channel:
                await authorized(channel)
                with pytest.raises(GRPCError) as refusal:
                    while True:
                        await authorized(channel)
                        await asyncio.sleep(0.05)
            assert reason_of(refusal.value) is Denial.AGENT_EXPIRED

    asyncio.run(play())


def test_a_server_that_comes_back_keeps_its_agents(tmp_path: Path) -> None:
    """Keys are in memory here, so the CA is another; what was written is still known."""

    async def play() -> None:
        async with server(tmp_path) as running:
            agent = await attest(running)
        async with server(tmp_path) as running:
            assert agent.id in running.server.follower.index.agents
            assert len(running.server.follower.view.bundles[agent.id.trust_domain].x509_authorities) == 2
            async with running.remote(agent) as channel:
                assert await authorized(channel) == []

    asyncio.run(play())
