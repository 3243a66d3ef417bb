"""`spire.api.types.Agent` <-> Agent, `JoinToken` <-> JoinToken.

The API shows one certificate, the one in force; a renewed one that was not used is the server's secret.
A banned agent has no serial number.
"""

from __future__ import annotations

from finial.registry.agent import Agent
from finial.registry.join_token import JoinToken
from finial.wire.convert.field import given
from finial.wire.convert.id import id_from_wire, id_to_wire, selectors_from_wire, selectors_to_wire
from finial.wire.pb.spire.api.types import agent_pb2, jointoken_pb2


def agent_to_wire(agent: Agent) -> agent_pb2.Agent:
    return agent_pb2.Agent(
        id=id_to_wire(agent.id),
        attestation_type=agent.attestation_type,
        x509svid_serial_number=agent.serial_number,
        x509svid_expires_at=agent.expires_at,
        selectors=selectors_to_wire(agent.selectors),
        banned=agent.banned,
        can_reattest=agent.can_reattest,
        agent_version=agent.agent_version,
    )


def agent_from_wire(message: agent_pb2.Agent) -> Agent:
    """An agent as a server gave it, all fields shown. Raises: InvalidArgument."""
    return Agent(
        id=id_from_wire(given(message, "id", message.id)),
        attestation_type=message.attestation_type,
        serial_number="" if message.banned else message.x509svid_serial_number,
        expires_at=message.x509svid_expires_at,
        can_reattest=message.can_reattest,
        agent_version=message.agent_version,
        selectors=selectors_from_wire(message.selectors),
    )


def join_token_to_wire(token: JoinToken) -> jointoken_pb2.JoinToken:
    return jointoken_pb2.JoinToken(value=token.value, expires_at=token.expires_at)


def join_token_from_wire(message: jointoken_pb2.JoinToken) -> JoinToken:
    return JoinToken(message.value, message.expires_at)
