"""What wants attention, and in which order; nothing where all is well."""

from __future__ import annotations

from dataclasses import replace

from finial.console.attention import Severity, attention, sentence
from finial.console.readings import AgentReading, Authority, ChangeReading, ServerReading, State
from finial.console.samples import Samples
from finial.console.sources.metrics import Target, TargetReading
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import read
from finial.testing.ca import TestCa

NOW, HOUR = 1_800_000_000.0, 3600.0
DOMAIN = TrustDomain("example.org")


def agent(name: str, state: State = State.READY) -> AgentReading:
    made = Agent(SpiffeId.of(DOMAIN, f"/spire/agent/t/{name}"), "t", "1", int(NOW + HOUR))
    return AgentReading(made, state, last_seen=NOW - 60)


def server(*agents: AgentReading) -> ServerReading:
    return ServerReading(
        own=True,
        at=NOW,
        trust_domain=DOMAIN,
        skew=0.1,
        bundle=Bundle(DOMAIN, (X509Authority(b"root"),)),
        x509_authorities=(Authority("a", "active", NOW + 48 * HOUR),),
        jwt_authorities=(Authority("b", "active", NOW + 48 * HOUR),),
        agents={one.agent.id: one for one in agents or (agent("a"),)},
    )


def told(reading: ServerReading, *targets: TargetReading) -> list[tuple[Severity, str]]:
    return [(item.severity, item.what) for item in attention(reading, targets, NOW)]


def test_where_all_is_well_nothing_wants_attention() -> None:
    assert told(server()) == []
    assert sentence(server(), []) == "Issuing and in step. Nothing wants attention."


def test_the_worst_comes_first() -> None:
    bad = replace(server(agent("a", State.GONE), agent("b", State.BANNED)), trouble="connection refused")
    assert told(bad) == [
        (Severity.CRITICAL, "the server does not answer"),
        (Severity.WARNING, "1 agent gone"),
        (Severity.INFO, "1 agent banned"),
    ]
    assert sentence(bad, []) == "The server does not answer; what is shown was read before."
    assert sentence(ServerReading(), []) == "The server has not answered yet."


def test_many_alike_are_one_item_with_a_few_names() -> None:
    [item] = attention(server(*(agent(f"n{number}", State.EXPIRED) for number in range(5))), (), NOW)
    assert item.what == "5 agents expired"
    assert item.why == "n0, n1, n2 and 2 more: must attest anew"
    assert item.view == "agents?state=expired"


def test_an_outage_of_the_log_and_a_clock_that_differs() -> None:
    [first, second] = attention(replace(server(), outage=90, skew=-30), (), NOW)
    assert (first.what, first.since) == ("the change log cannot be read", NOW - 90)
    assert second.why == "the server's clock is 30 s ahead of this machine's"


def test_an_authority_without_a_successor_is_told_once_it_should_have_one() -> None:
    fresh = replace(server(), x509_authorities=(Authority("a", "active", NOW + 24 * HOUR),))
    assert told(fresh) == []
    ends = replace(server(), x509_authorities=(Authority("a", "active", NOW + 3 * HOUR),))
    assert told(ends) == [(Severity.WARNING, "the X.509 authority ends soon")]
    near = replace(server(), jwt_authorities=(Authority("b", "active", NOW + HOUR),))
    [item] = attention(near, (), NOW)
    assert (item.severity, item.view, item.command) == (
        Severity.CRITICAL,
        "authorities/jwt",
        "finial localauthority jwt show",
    )
    prepared = (Authority("a", "active", NOW + HOUR), Authority("c", "prepared", NOW + 90 * HOUR))
    assert told(replace(server(), x509_authorities=prepared)) == []


def test_how_soon_is_a_share_of_the_authoritys_own_life() -> None:
    ca = TestCa()
    certificate = read(ca.der)
    life = (certificate.not_after - certificate.not_before).total_seconds()
    key_id = (certificate.subject_key_id or b"").hex()

    def with_left(left: float) -> ServerReading:
        bundle = Bundle(DOMAIN, (X509Authority(ca.der),))
        return replace(server(), bundle=bundle, x509_authorities=(Authority(key_id, "active", NOW + left),))

    assert told(with_left(life / 5)) == []
    assert told(with_left(life / 7)) == [(Severity.WARNING, "the X.509 authority ends soon")]


def test_a_tainted_authority_is_told_until_it_is_revoked() -> None:
    tainted = Bundle(DOMAIN, (X509Authority(b"root", tainted=True), X509Authority(b"new")))
    assert told(replace(server(), bundle=tainted)) == [(Severity.WARNING, "1 X.509 authority is tainted")]


def test_a_change_that_is_late_names_who_lacks_it() -> None:
    late = ChangeReading(
        b"p", NOW - 30, (("entry", "a"),), concerned=8, arrived=7, waiting=("spiffe://a/x/node-1",)
    )
    [item] = attention(replace(server(), changes=(late,)), (), NOW)
    assert item.why == "7 of 8 have it; waits for node-1"
    fresh = replace(late, at=NOW - 1)
    assert told(replace(server(), changes=(fresh,))) == []


def test_expired_entries_and_targets_that_are_down() -> None:
    entry = Entry(
        "e", SpiffeId.of(DOMAIN, "/e"), SpiffeId.of(DOMAIN, "/p"), (Selector("t", "1"),), expires_at=1
    )
    down = TargetReading(Target("node-1", "spire-agent", "http://a.test/"), Samples(at=NOW - 60), "refused")
    assert told(replace(server(), entries={"e": entry}), down) == [
        (Severity.WARNING, "metrics of node-1 cannot be read"),
        (Severity.INFO, "1 entry expired"),
    ]


def test_agents_that_are_behind_are_in_the_sentence() -> None:
    behind = server(agent("a", State.PENDING))
    assert sentence(behind, []) == "Issuing; some agents are behind. Nothing wants attention."
    assert sentence(behind, [*attention(server(agent("a", State.GONE)), (), NOW)]).endswith(
        "1 thing wants attention."
    )


def test_a_record_is_for_the_page() -> None:
    [item] = attention(server(agent("a", State.BANNED)), (), NOW)
    assert item.record() == {
        "severity": "info",
        "what": "1 agent banned",
        "why": "a: refused until evicted",
        "since": None,
        "view": "agents?state=banned",
        "command": "finial agent list",
    }
