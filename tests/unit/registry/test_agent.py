"""Attested agents: which serial number may call, through renewal, ban and back."""

from __future__ import annotations

from finial.errors import Denial
from finial.registry.agent import Agent
from finial.spiffe.id import agent_id
from finial.spiffe.trust_domain import TrustDomain

AGENT = Agent(agent_id(TrustDomain("example.org"), "/join_token/x"), "join_token", "1", 100)


def test_only_its_serial_number_may_call() -> None:
    assert AGENT.denial("1") is None
    assert AGENT.denial("2") is Denial.AGENT_NOT_ACTIVE


def test_after_a_renewal_both_serial_numbers_may_call_until_the_new_one_does() -> None:
    renewed = AGENT.renewed("2", 200)
    assert renewed.denial("1") is None and renewed.denial("2") is None
    assert renewed.denial("3") is Denial.AGENT_NOT_ACTIVE
    active = renewed.activated()
    assert (active.serial_number, active.expires_at) == ("2", 200)
    assert (active.new_serial_number, active.new_expires_at) == ("", 0)
    assert active.denial("1") is Denial.AGENT_NOT_ACTIVE and active.denial("2") is None


def test_no_empty_serial_number_may_call() -> None:
    """Neither while no renewal is open nor after a ban, where stored serials are empty."""
    assert AGENT.denial("") is Denial.AGENT_NOT_ACTIVE
    assert AGENT.with_ban().denial("") is Denial.AGENT_BANNED
    assert AGENT.renewed("2", 200).activated().denial("") is Denial.AGENT_NOT_ACTIVE


def test_ban_forgets_both_serial_numbers() -> None:
    banned = AGENT.renewed("2", 200).with_ban()
    assert banned.banned and not AGENT.banned
    for serial in ("1", "2"):
        assert banned.denial(serial) is Denial.AGENT_BANNED
