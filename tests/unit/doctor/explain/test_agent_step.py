"""What is said of an agent that is no agent, or out of step."""

from __future__ import annotations

import pytest

from finial.doctor.explain import Fault, explain
from finial.testing.seeded_faults import SEEDS, agent, healthy

SAYS = {
    Fault.AGENT_BANNED: "is banned at the server",
    Fault.AGENT_EVICTED: "the server does not know spiffe://example.org/spire/agent/x509pop/a",
    Fault.AGENT_AWAY: "no agent answers: /run/agent/api.sock: no such file",
    Fault.SERVER_AWAY: "the agent does not reach its server, for 90 s: connection refused",
    Fault.CLOCK_SKEW: "the agent's clock is 300 s behind the server's",
    Fault.OTHER_SOCKET: "the process asks at /run/agent/api.sock; this agent serves /run/other/api.sock",
    Fault.TRUST_DOMAIN: "spiffe://other.test/web is of trust domain other.test",
}


@pytest.mark.parametrize("fault", SAYS)
def test_the_sentence_names_what_was_seen(fault: Fault) -> None:
    [finding] = explain(SEEDS[fault](healthy())).findings
    assert SAYS[fault] in finding.says


def test_a_small_difference_of_clocks_is_none() -> None:
    assert not explain(agent(healthy(), ahead=3.0)).findings
