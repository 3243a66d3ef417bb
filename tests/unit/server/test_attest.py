from __future__ import annotations

from datetime import UTC, datetime

import pytest

from finial.errors import InvalidArgument
from finial.plugin.kinds import AttestedNode
from finial.server.attest import agent_of, read_csr
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid.x509 import X509Svid

NODE = SpiffeId.parse("spiffe://example.org/spire/agent/t/1")
END = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
SVID = X509Svid(NODE, (), END, END, 7, b"")


def test_node_selectors_are_stored_once_each_by_type_and_value() -> None:
    selectors = tuple(Selector.parse(text) for text in ("b:1", "a:2", "a:1", "b:1"))
    agent = agent_of("t", AttestedNode(NODE, selectors, can_reattest=True), SVID)
    assert [str(one) for one in agent.selectors] == ["a:1", "a:2", "b:1"]
    assert (agent.serial_number, agent.expires_at, agent.can_reattest) == ("7", int(END.timestamp()), True)


def test_a_csr_that_cannot_be_read_says_so_once() -> None:
    with pytest.raises(InvalidArgument, match="^failed to parse CSR: (?!malformed CSR)"):
        read_csr(b"nonsense")
