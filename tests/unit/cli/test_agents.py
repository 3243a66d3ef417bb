from __future__ import annotations

import pytest

from finial.cli.agents import ListFlags, agent_filter, agent_text, checked_time, list_text
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.types.agent_pb2 import Agent
from finial.wire.pb.spire.api.types.selector_pb2 import SelectorMatch
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

ID = SPIFFEID(trust_domain="example.org", path="/spire/agent/join_token/a")
LAYOUT = ' as "2006-01-02 15:04:05 -0700 -07": cannot parse '


def test_the_block_of_an_agent() -> None:
    agent = Agent(
        id=ID,
        attestation_type="join_token",
        x509svid_expires_at=4102444800,
        x509svid_serial_number="42",
        can_reattest=True,
        agent_version="1.15.3",
    )
    assert agent_text(agent) == [
        "SPIFFE ID         : spiffe://example.org/spire/agent/join_token/a",
        "Attestation type  : join_token",
        "Expiration time   : 2100-01-01 00:00:00 +0000 UTC",
        "Serial number     : 42",
        "Can re-attest     : true",
        "Agent version     : 1.15.3",
        "",
    ]
    assert list(list_text([agent]))[:2] == ["Found 1 attested agent:", ""]
    assert list(list_text([])) == ["No attested agents found"]


def test_a_banned_agent_has_no_serial_number() -> None:
    lines = agent_text(Agent(id=ID, banned=True, x509svid_serial_number="42"))
    assert "Banned            : true" in lines
    assert not any(line.startswith("Serial number") for line in lines)


def test_only_the_filters_that_are_given_are_asked_for() -> None:
    assert agent_filter(ListFlags()).ByteSize() == 0
    wanted = agent_filter(
        ListFlags(selectors=("a:b", "c:d:e"), match_selectors_on="exact", can_reattest="false", banned="true")
    )
    assert wanted.by_selector_match.match == SelectorMatch.MATCH_EXACT
    assert [(one.type, one.value) for one in wanted.by_selector_match.selectors] == [("a", "b"), ("c", "d:e")]
    assert wanted.HasField("by_can_reattest") and not wanted.by_can_reattest.value
    assert wanted.by_banned.value


def test_what_is_neither_true_nor_false_filters_nothing() -> None:
    assert not agent_filter(ListFlags(banned="maybe")).HasField("by_banned")


@pytest.mark.parametrize("text", ["2030-01-31 00:00:00 +0000 +00", "2030-01-31 23:59:59 -0330 -03"])
def test_times_of_the_layout_are_passed_on(text: str) -> None:
    assert checked_time(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("tomorrow", LAYOUT + '"tomorrow" as "2006"'),
        ("2030/01/31", LAYOUT + '"/01/31" as "-"'),
        ("2030-01-31", LAYOUT + '"" as " "'),
        ("2030-01-31 00:00:00 +0000 UTC", LAYOUT + '"UTC" as "-07"'),
        ("2030-01-31 00:00:00 +0000 +00x", ': extra text: "x"'),
        ("2030-02-31 00:00:00 +0000 +00", ": day or time out of range"),
    ],
)
def test_other_times_are_refused_in_the_words_of_go(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        checked_time(text)
    assert caught.value.message == f'date is not valid: parsing time "{text}"{why}'
    assert caught.value.hint is not None
