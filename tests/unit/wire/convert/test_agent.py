"""Agents on the wire."""

from __future__ import annotations

from finial.registry.agent import Agent
from finial.spiffe.id import SpiffeId
from finial.wire.convert.agent import agent_from_wire, agent_to_wire

AGENT = Agent(SpiffeId.parse("spiffe://example.org/spire/agent/x509pop/x"), "x509pop", "42", 1_000)


def test_certificate_that_was_renewed_and_not_used_is_not_shown() -> None:
    message = agent_to_wire(AGENT.renewed("43", 2_000))
    assert (message.x509svid_serial_number, message.x509svid_expires_at) == ("42", 1_000)


def test_banned_agent_has_no_serial_number() -> None:
    message = agent_to_wire(AGENT.with_ban())
    assert message.banned
    assert message.x509svid_serial_number == ""
    assert agent_from_wire(message).banned


def test_agent_in_force_is_not_banned() -> None:
    assert not agent_to_wire(AGENT).banned
    assert not agent_from_wire(agent_to_wire(AGENT)).banned
