"""Node attestation: proof of the node in, the agent's SVID and the trust bundle out.

One connection without a client certificate: AttestAgent with a CSR, challenges as they come, the SVID, and
GetBundle. The server is verified against the bundle that the agent started with, before the proof is sent.
SPIRE 1.15 `pkg/agent/attestor/node`.
"""

from __future__ import annotations

from dataclasses import dataclass

from grpclib.client import Stream

from finial.agent.connection import ServerAddress, ServerConnection, in_rpc_words
from finial.errors import DeadlineExceeded, FinialError, Internal, Unavailable
from finial.plugin.kinds import AgentNodeAttestor, PrivateKey
from finial.runtime.grpc import GRPCError
from finial.spiffe.bundle import Bundle
from finial.svid import csr
from finial.svid.x509 import X509Svid
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.types import attestation_pb2

ATTEST_TIMEOUT = 30.0
MAX_CHALLENGES = 16  # more is no attestation
MAKE_ANOTHER = (
    "a join token is good for one agent, once, until it expires: `spire-server token generate` makes one"
)

AttestStream = Stream[agent_pb2.AttestAgentRequest, agent_pb2.AttestAgentResponse]


@dataclass(frozen=True, slots=True)
class Attested:
    """What the server made of the proof."""

    svid: X509Svid
    reattestable: bool
    bundle: Bundle


async def attest(
    server: ServerAddress, bundle: Bundle, method: str, attestor: AgentNodeAttestor, key: PrivateKey
) -> Attested:
    """Raises: the kind of the server's status, PermissionDenied among them; Unavailable, DeadlineExceeded;
    what the attestor raises."""
    connection = ServerConnection(server, bundle)
    try:
        payload = await attestor.payload()
        result = await _attest(connection, method, payload, attestor, csr.create(key))
        found = await connection.get_bundle()
        return Attested(x509_svid_from_wire(result.svid), result.reattestable, found)
    finally:
        await attestor.close()
        await connection.aclose()


async def _attest(
    connection: ServerConnection, method: str, payload: bytes, attestor: AgentNodeAttestor, request: bytes
) -> agent_pb2.AttestAgentResponse.Result:
    params = agent_pb2.AttestAgentRequest.Params(
        data=attestation_pb2.AttestationData(type=method, payload=payload),
        params=agent_pb2.AgentX509SVIDParams(csr=request),
    )
    try:
        async with connection.api.agent.AttestAgent.open(timeout=ATTEST_TIMEOUT) as stream:
            await stream.send_message(agent_pb2.AttestAgentRequest(params=params))
            result = await _answer_challenges(stream, attestor)
            await stream.recv_message()  # the end of the stream, with its status; the server closes first
            return result
    except FinialError as why:
        if isinstance(why.__cause__, GRPCError):  # the server's own answer
            told = in_rpc_words("failed to receive attestation response", why)
            told.hint = MAKE_ANOTHER if "join token" in why.message else told.hint
            raise told from why
        if isinstance(why, Unavailable | DeadlineExceeded):
            raise in_rpc_words("could not open attestation stream to SPIRE server", why) from why
        raise


async def _answer_challenges(
    stream: AttestStream, attestor: AgentNodeAttestor
) -> agent_pb2.AttestAgentResponse.Result:
    for _ in range(MAX_CHALLENGES):
        answer = await stream.recv_message()
        if answer is None:
            raise Internal("failed to receive attestation response: stream ended without a result")
        if answer.HasField("result"):
            return answer.result
        response = await attestor.respond(answer.challenge)
        await stream.send_message(agent_pb2.AttestAgentRequest(challenge_response=response))
    raise Internal(f"server sent more than {MAX_CHALLENGES} attestation challenges")
