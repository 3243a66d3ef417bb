"""The Agent service: answers and texts as recorded from SPIRE 1.15.3 (`agent-*.txt`)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.errors import DeadlineExceeded, InvalidArgument
from finial.runtime.grpc import GRPCError, Status, unary
from finial.server.api.agent import challenge_response, check_params
from finial.testing.server import Running, attest, play, token
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2 as api
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import agent_pb2, attestation_pb2, spiffeid_pb2

CSR = api.AgentX509SVIDParams(csr=b"x")
Params = api.AttestAgentRequest.Params


def data(kind: str = "join_token", payload: bytes = b"x") -> attestation_pb2.AttestationData:
    return attestation_pb2.AttestationData(type=kind, payload=payload)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (api.AttestAgentRequest(), "missing params"),
        (api.AttestAgentRequest(challenge_response=b"x"), "missing params"),
        (api.AttestAgentRequest(params=Params()), "missing attestation data"),
        (api.AttestAgentRequest(params=Params(params=CSR)), "missing attestation data"),
        (api.AttestAgentRequest(params=Params(data=data(""), params=CSR)), "missing attestation data type"),
        (
            api.AttestAgentRequest(params=Params(data=data(payload=b""), params=CSR)),
            "missing attestation data payload",
        ),
        (api.AttestAgentRequest(params=Params(data=data())), "missing X509-SVID parameters"),
        (api.AttestAgentRequest(params=Params(data=data(), params=api.AgentX509SVIDParams())), "missing CSR"),
    ],
)
def test_a_malformed_attestation_is_named(request_: api.AttestAgentRequest, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"malformed param: {why}$"):
        check_params(request_)


async def attest_with(running: Running, kind: str, payload: bytes, request: bytes) -> None:
    message = api.AttestAgentRequest(
        params=Params(data=data(kind, payload), params=api.AgentX509SVIDParams(csr=request))
    )
    async with running.remote() as channel, AgentStub(channel).AttestAgent.open() as stream:
        await stream.send_message(message, end=True)
        await stream.recv_message()
        await stream.recv_trailing_metadata()


def test_an_unknown_method_is_a_failed_precondition(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        with pytest.raises(GRPCError) as refusal:
            await attest_with(running, "nope", b"x", b"x")
        assert refusal.value.status is Status.FAILED_PRECONDITION
        assert (
            refusal.value.message == 'error getting node attestor: could not find node attestor type "nope"'
        )

    play(tmp_path, scene)


def test_a_csr_that_cannot_be_read_burns_no_token(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        value = await token(running)
        with pytest.raises(GRPCError, match="failed to parse CSR: "):
            await attest_with(running, "join_token", value.encode(), b"nonsense")
        await attest(running, value)

    play(tmp_path, scene)


def test_agents_are_listed_counted_and_shown(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        one, two = await attest(running), await attest(running)
        async with running.admin() as channel:
            stub = AgentStub(channel)
            await unary(stub.BanAgent, api.BanAgentRequest(id=id_to_wire(two.id)))
            listed = await unary(stub.ListAgents, api.ListAgentsRequest(output_mask=agent_pb2.AgentMask()))
            assert [agent.id.path for agent in listed.agents] == [one.id.path, two.id.path]
            wanted = api.ListAgentsRequest.Filter()
            wanted.by_banned.value = True
            banned = await unary(stub.ListAgents, api.ListAgentsRequest(filter=wanted))
            assert [(agent.id.path, agent.banned) for agent in banned.agents] == [(two.id.path, True)]
            assert (await unary(stub.CountAgents, api.CountAgentsRequest())).count == 2
            shown = await unary(stub.GetAgent, api.GetAgentRequest(id=id_to_wire(one.id)))
            assert shown.x509svid_serial_number == str(one.svid.serial_number)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/spire/agent/join_token/none"),
            "agent not found",
        ),
        (
            spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/workload"),
            'invalid agent ID: "spiffe://example.org/workload" is not an agent in trust domain "example.org"; '
            "path is not in the agent namespace",
        ),
        (spiffeid_pb2.SPIFFEID(path="/spire/agent/x"), "invalid agent ID: trust domain is missing"),
    ],
)
def test_an_agent_that_is_none_is_named(tmp_path: Path, wanted: spiffeid_pb2.SPIFFEID, text: str) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = AgentStub(channel)
            with pytest.raises(GRPCError) as getting:
                await unary(stub.GetAgent, api.GetAgentRequest(id=wanted))
            with pytest.raises(GRPCError) as banning:
                await unary(stub.BanAgent, api.BanAgentRequest(id=wanted))
            with pytest.raises(GRPCError) as deleting:
                await unary(stub.DeleteAgent, api.DeleteAgentRequest(id=wanted))
        assert {one.value.message for one in (getting, banning, deleting)} == {text}

    play(tmp_path, scene)


def test_a_token_with_an_id_gives_its_agent_an_alias_that_goes_with_it(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        alias = spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/alias")
        agent = await attest(running, await token(running, agent_id=alias, token="tok"))
        async with running.admin() as channel:
            listed = await unary(EntryStub(channel).ListEntries, entry_pb2.ListEntriesRequest())
            assert [entry.spiffe_id.path for entry in listed.entries] == ["/alias"]
            await unary(AgentStub(channel).DeleteAgent, api.DeleteAgentRequest(id=id_to_wire(agent.id)))
            counted = await unary(EntryStub(channel).CountEntries, entry_pb2.CountEntriesRequest())
            assert counted.count == 0

    play(tmp_path, scene)


def test_a_token_twice_or_without_a_time_is_refused(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await token(running, token="mine")
        with pytest.raises(GRPCError, match="failed to create token: datastore-sql: UNIQUE") as refusal:
            await token(running, token="mine")
        assert refusal.value.status is Status.INTERNAL
        async with running.admin() as channel:
            with pytest.raises(GRPCError, match="ttl is required, you must provide one"):
                await unary(AgentStub(channel).CreateJoinToken, api.CreateJoinTokenRequest())

    play(tmp_path, scene)


def test_the_version_an_agent_posts_is_kept(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with running.remote(agent) as channel:
            await unary(AgentStub(channel).PostStatus, api.PostStatusRequest(agent_version="9.9.9"))
        kept = running.server.follower.index.agents.get(agent.id)
        assert kept is not None
        assert kept.agent_version == "9.9.9"

    play(tmp_path, scene)


@pytest.mark.parametrize(("version", "taken"), [("v" * 255, True), ("v" * 256, False), ("é" * 128, False)])
def test_a_version_of_more_than_255_bytes_is_refused(tmp_path: Path, version: str, taken: bool) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        request = api.PostStatusRequest(agent_version=version)
        async with running.remote(agent) as channel:
            if taken:
                await unary(AgentStub(channel).PostStatus, request)
                return
            with pytest.raises(GRPCError) as refusal:
                await unary(AgentStub(channel).PostStatus, request)
        assert refusal.value.status is Status.INVALID_ARGUMENT
        assert refusal.value.message == "agent version is too long (max 255 characters)"

    play(tmp_path, scene)


def test_a_renewal_without_a_csr_is_refused(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with running.remote(agent) as channel:
            with pytest.raises(GRPCError, match="params cannot be nil"):
                await unary(AgentStub(channel).RenewAgent, api.RenewAgentRequest())
            with pytest.raises(GRPCError, match="missing CSR"):
                await unary(
                    AgentStub(channel).RenewAgent, api.RenewAgentRequest(params=api.AgentX509SVIDParams())
                )

    play(tmp_path, scene)


def test_a_challenge_that_nobody_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        async def recv_message(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("finial.server.api.agent.RESPONSE", 0.01)
    with pytest.raises(DeadlineExceeded, match=r"no response to the challenge within 0\.01 s"):
        asyncio.run(challenge_response(Silent()))  # type: ignore[arg-type]
