"""`spire.api.server.agent.v1.Agent`."""

from __future__ import annotations

import asyncio
import uuid

from grpclib.const import Status

from finial.errors import DeadlineExceeded, Denial, InvalidArgument, NotFound, PermissionDenied
from finial.registry.entry import Entry
from finial.registry.join_token import JoinToken
from finial.runtime.grpc import GRPCError, Stream
from finial.server.api.backend import Backend, as_internal, request_of
from finial.server.api.caller import current
from finial.server.api.filters import agent_filter
from finial.server.attest import Attestation, Attestor
from finial.spiffe.id import SpiffeId, agent_id
from finial.spiffe.selector import Selector
from finial.svid.x509 import X509Svid
from finial.wire.convert.agent import agent_to_wire, join_token_to_wire
from finial.wire.convert.field import apply_mask, given, hidden_fields, hide, naming
from finial.wire.convert.id import agent_id_from_request, workload_id_from_request
from finial.wire.convert.svid import x509_svid_to_wire
from finial.wire.pb.google.protobuf import empty_pb2
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2 as api
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentBase
from finial.wire.pb.spire.api.types import agent_pb2, jointoken_pb2, spiffeid_pb2
from finial.wire.status import answers

MAX_VERSION_LENGTH = 255  # bytes
RESPONSE = 30.0  # seconds that a stranger has to answer a challenge
AttestStream = Stream[api.AttestAgentRequest, api.AttestAgentResponse]


class AgentService(AgentBase):
    def __init__(self, backend: Backend, attestor: Attestor) -> None:
        self._backend, self._attestor = backend, attestor

    async def CountAgents(self, stream: Stream[api.CountAgentsRequest, api.CountAgentsResponse]) -> None:
        request = await request_of(stream)
        wanted = agent_filter(given(request, "filter", request.filter), "failed to count agents")
        found = self._backend.follower.index.list_agents(wanted)
        await stream.send_message(api.CountAgentsResponse(count=len(found.values)))

    async def ListAgents(self, stream: Stream[api.ListAgentsRequest, api.ListAgentsResponse]) -> None:
        request = await request_of(stream)
        wanted = agent_filter(given(request, "filter", request.filter), "failed to list agents")
        async with as_internal("failed to list agents"):
            page = self._backend.follower.index.list_agents(
                wanted, size=request.page_size, token=request.page_token
            )
        hidden = hidden_fields(given(request, "output_mask", request.output_mask))
        agents = [hide(agent_to_wire(one), hidden) for one in page.values]
        await stream.send_message(api.ListAgentsResponse(agents=agents, next_page_token=page.next_token))

    async def GetAgent(self, stream: Stream[api.GetAgentRequest, agent_pb2.Agent]) -> None:
        request = await request_of(stream)
        wanted = self._agent_id(given(request, "id", request.id))
        agent = await self._backend.store.agent(wanted)
        if agent is None:
            raise NotFound("agent not found")
        mask = given(request, "output_mask", request.output_mask)
        await stream.send_message(apply_mask(agent_to_wire(agent), mask))

    async def DeleteAgent(self, stream: Stream[api.DeleteAgentRequest, empty_pb2.Empty]) -> None:
        request = await request_of(stream)
        wanted = self._agent_id(given(request, "id", request.id))
        with answers("agent not found"):
            await self._backend.settled(stream, await self._backend.store.delete_agent(wanted))
        current().log.info("Agent deleted", spiffe_id=str(wanted))
        await stream.send_message(empty_pb2.Empty())

    async def BanAgent(self, stream: Stream[api.BanAgentRequest, empty_pb2.Empty]) -> None:
        request = await request_of(stream)
        wanted = self._agent_id(given(request, "id", request.id))
        with answers("agent not found"):
            await self._backend.settled(stream, await self._backend.store.ban(wanted))
        current().log.info("Agent banned", spiffe_id=str(wanted))
        await stream.send_message(empty_pb2.Empty())

    def _agent_id(self, message: spiffeid_pb2.SPIFFEID | None) -> SpiffeId:
        with naming("invalid agent ID"):
            wanted = agent_id_from_request(message, self._backend.trust_domain)
        current().audit(spiffe_id=str(wanted))
        return wanted

    async def AttestAgent(self, stream: AttestStream) -> None:
        first = await stream.recv_message()
        if first is None:
            raise InvalidArgument("failed to receive request from stream: EOF")
        params = check_params(first)
        current().audit(node_attestor_type=params.data.type)

        async def challenge(data: bytes) -> bytes:
            await stream.send_message(api.AttestAgentResponse(challenge=data))
            return await challenge_response(stream)

        done = await self._attestor.attest(
            params.data.type, params.data.payload, params.params.csr, challenge
        )
        await self._backend.settled(stream, done.committed)
        prove(done.svid)
        self._log_attestation(done)
        result = api.AttestAgentResponse.Result(
            svid=x509_svid_to_wire(done.svid), reattestable=done.agent.can_reattest
        )
        await stream.send_message(api.AttestAgentResponse(result=result))

    def _log_attestation(self, done: Attestation) -> None:
        call = current()
        fields = {"agent_id": str(done.agent.id), "node_attestor_type": done.agent.attestation_type}
        call.audit(**fields)
        call.log.info("Agent attestation request completed", address=call.caller.address, **fields)

    async def RenewAgent(self, stream: Stream[api.RenewAgentRequest, api.RenewAgentResponse]) -> None:
        request = await request_of(stream)
        caller = current().agent_id
        agent = self._backend.follower.index.agents.get(caller)
        if agent is not None and agent.can_reattest:
            raise PermissionDenied("agent must reattest instead of renew", reason=Denial.AGENT_MUST_REATTEST)
        if not request.HasField("params"):
            raise InvalidArgument("params cannot be nil")
        if not request.params.csr:
            raise InvalidArgument("missing CSR")
        current().log.info("Renewing agent SVID")
        done = await self._attestor.renew(caller, request.params.csr)
        await self._backend.settled(stream, done.committed)
        prove(done.svid)
        await stream.send_message(api.RenewAgentResponse(svid=x509_svid_to_wire(done.svid)))

    async def PostStatus(self, stream: Stream[api.PostStatusRequest, api.PostStatusResponse]) -> None:
        request = await request_of(stream)
        call = current()
        call.audit(spiffe_id=str(call.agent_id))
        if request.agent_version:
            check_version(request.agent_version)
            call.audit(agent_version=request.agent_version)
            with answers("failed to update agent"):
                done = await self._backend.store.set_agent_version(call.agent_id, request.agent_version)
                await self._backend.settled(stream, done)
            call.log.debug(
                "Agent status updated", agent_version=request.agent_version, spiffe_id=str(call.agent_id)
            )
        await stream.send_message(api.PostStatusResponse())

    async def CreateJoinToken(
        self, stream: Stream[api.CreateJoinTokenRequest, jointoken_pb2.JoinToken]
    ) -> None:
        request = await request_of(stream)
        current().audit(ttl=request.ttl)
        if request.ttl < 1:
            raise InvalidArgument("ttl is required, you must provide one")
        alias = self._alias_id(request)
        token = JoinToken(request.token or str(uuid.uuid4()), int(self._backend.clock.unix()) + request.ttl)
        entries = [self._alias(token, alias)] if alias else []
        async with as_internal("failed to create token"):
            done = await self._backend.store.create_join_token(token, entries)
        await self._backend.settled(stream, done)
        await stream.send_message(join_token_to_wire(token))

    def _alias_id(self, request: api.CreateJoinTokenRequest) -> SpiffeId | None:
        message = given(request, "agent_id", request.agent_id)
        if message is None:
            return None
        with naming("invalid agent ID"):
            alias = workload_id_from_request(message, self._backend.trust_domain)
        current().audit(spiffe_id=str(alias))
        return alias

    def _alias(self, token: JoinToken, alias: SpiffeId) -> Entry:
        """The entry that gives the token's agent a second ID. Raises: InvalidArgument for an unfit token."""
        parent = agent_id(self._backend.trust_domain, f"/join_token/{token.value}")
        return Entry("", alias, parent, (Selector("spiffe_id", str(parent)),))


def prove(svid: X509Svid) -> None:
    """Which SVID the audit stream is to name."""
    current().prove(spiffe_id=str(svid.id), serial_number=str(svid.serial_number), expires_at=svid.not_after)


def check_version(text: str) -> None:
    """Kept with the agent and part of every list of agents. Raises: InvalidArgument, in SPIRE's words."""
    if len(text.encode()) > MAX_VERSION_LENGTH:
        raise InvalidArgument(f"agent version is too long (max {MAX_VERSION_LENGTH} characters)")


def check_params(first: api.AttestAgentRequest) -> api.AttestAgentRequest.Params:
    """Raises: InvalidArgument, in SPIRE's words."""
    params = first.params
    faults = (
        (first.HasField("params"), "missing params"),
        (params.HasField("data"), "missing attestation data"),
        (params.HasField("params"), "missing X509-SVID parameters"),
        (bool(params.params.csr), "missing CSR"),
        (bool(params.data.type), "missing attestation data type"),
        (bool(params.data.payload), "missing attestation data payload"),
    )
    for present, fault in faults:
        if not present:
            raise InvalidArgument(f"malformed param: {fault}")
    return params


async def challenge_response(stream: AttestStream) -> bytes:
    """Raises: InvalidArgument if something else comes, DeadlineExceeded if nothing does."""
    try:
        async with asyncio.timeout(RESPONSE):
            answer = await stream.recv_message()
    except TimeoutError:
        raise DeadlineExceeded(f"no response to the challenge within {RESPONSE:g} s") from None
    if answer is None:
        raise GRPCError(Status.INVALID_ARGUMENT, "failed to receive challenge from stream: EOF")
    if answer.WhichOneof("step") != "challenge_response":
        raise InvalidArgument("malformed challenge response: missing challenge response")
    return answer.challenge_response
