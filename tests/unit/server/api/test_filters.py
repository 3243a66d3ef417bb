from __future__ import annotations

import pytest

from finial.errors import Internal, InvalidArgument
from finial.server.api.filters import agent_filter, entry_filter
from finial.server.listing import AgentFilter, Behaviour, EntryFilter
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.types import federateswith_pb2, selector_pb2, spiffeid_pb2

DOMAIN = TrustDomain("example.org")
Entries = entry_pb2.ListEntriesRequest.Filter
Agents = agent_pb2.ListAgentsRequest.Filter
A1 = selector_pb2.Selector(type="a", value="1")


def spiffe(path: str) -> spiffeid_pb2.SPIFFEID:
    return spiffeid_pb2.SPIFFEID(trust_domain="example.org", path=path)


def test_no_filter_filters_nothing() -> None:
    assert entry_filter(None, DOMAIN, "x") == EntryFilter()
    assert agent_filter(None, "x") == AgentFilter()
    assert agent_filter(Agents(), "x") == AgentFilter()


def test_all_fields_of_an_entry_filter_are_read() -> None:
    message = Entries(
        by_spiffe_id=spiffe("/w"),
        by_parent_id=spiffe("/spire/agent/x"),
        by_selectors=selector_pb2.SelectorMatch(selectors=[A1], match=selector_pb2.SelectorMatch.MATCH_ANY),
        by_federates_with=federateswith_pb2.FederatesWithMatch(trust_domains=["spiffe://other.test"]),
    )
    message.by_hint.value = "h"
    message.by_downstream.value = True
    read = entry_filter(message, DOMAIN, "x")
    assert str(read.spiffe_id) == "spiffe://example.org/w"
    assert str(read.parent_id) == "spiffe://example.org/spire/agent/x"
    assert read.selectors is not None
    assert read.selectors.behaviour is Behaviour.ANY
    assert read.federates_with is not None
    assert read.federates_with.wanted == {TrustDomain("other.test")}
    assert (read.hint, read.downstream) == ("h", True)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Entries(by_spiffe_id=spiffe("/spire/server")), "malformed SPIFFE ID filter: .*reserved namespace"),
        (Entries(by_parent_id=spiffe("node")), "malformed parent ID filter: path must have a leading slash"),
        (
            Entries(by_selectors=selector_pb2.SelectorMatch()),
            "malformed selectors filter: empty selector set",
        ),
        (
            Entries(by_federates_with=federateswith_pb2.FederatesWithMatch()),
            "malformed federates with filter: empty trust domain set",
        ),
    ],
)
def test_a_malformed_entry_filter_is_named(message: Entries, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        entry_filter(message, DOMAIN, "failed to list entries")


def test_an_unknown_behaviour_is_the_datastores_refusal() -> None:
    match = selector_pb2.SelectorMatch(selectors=[A1], match=9)  # type: ignore[arg-type]
    with pytest.raises(Internal, match="failed to list entries: datastore-sql: unhandled match behavior"):
        entry_filter(Entries(by_selectors=match), DOMAIN, "failed to list entries")


def test_an_agent_filter_without_selectors_is_internal() -> None:
    with pytest.raises(Internal, match="failed to count agents: cannot list by empty selectors set"):
        agent_filter(Agents(by_selector_match=selector_pb2.SelectorMatch()), "failed to count agents")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2001-01-01 00:00:00 +0000 -00", 978307200.0),
        ("2001-01-01 01:00:00 +0100 +01", 978307200.0),
        ("tomorrow", None),
        ("2001-01-01T00:00:00Z", None),
        ("2001-13-01 00:00:00 +0000 -00", None),
    ],
)
def test_a_time_that_cannot_be_read_filters_nothing(text: str, moment: float | None) -> None:
    assert agent_filter(Agents(by_expires_before=text), "x").expires_before == moment


def test_false_is_not_the_same_as_not_asked() -> None:
    message = Agents()
    message.by_banned.value = False
    read = agent_filter(message, "x")
    assert (read.banned, read.can_reattest) == (False, None)
