"""Cards: figures with a source, or the reason why there is none."""

from __future__ import annotations

from typing import Any

from finial.console.observatory import Observatory
from finial.console.readings import AgentReading, Authority, ServerReading, State
from finial.console.samples import Samples, parse
from finial.console.sources.metrics import Target, TargetReading
from finial.console.views.overview import Activity, Card, activity, overview
from finial.registry.agent import Agent
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.clock import VirtualClock

CLOCK = VirtualClock()
NOW = CLOCK.unix()
AGENT = SpiffeId.parse("spiffe://a.test/spire/agent/t/a")


def seen(server: ServerReading, *targets: TargetReading) -> Observatory:
    nobody: Any = None
    made = Observatory(nobody, [], CLOCK)
    made._server.reading, made._metrics.readings = server, list(targets)
    return made


def own(**fields: Any) -> ServerReading:
    return ServerReading(
        own=True,
        at=NOW,
        trust_domain=TrustDomain("a.test"),
        started_at=NOW - 60,
        agents={AGENT: AgentReading(Agent(AGENT, "t", "1", int(NOW) + 60), State.READY, NOW)},
        x509_authorities=(Authority("a", "active", NOW + 7200),),
        **fields,
    )


def cards(observatory: Observatory) -> dict[str, Card]:
    return {card.id: card for card in overview(observatory, NOW).cards}


def test_a_server_of_ours_with_metrics_has_all_its_figures() -> None:
    samples = (
        Samples().next(parse("spire_server_rpc_a 0\n"), NOW - 10).next(parse("spire_server_rpc_a 50\n"), NOW)
    )
    found = cards(seen(own(), TargetReading(Target("s", "spire-server", "http://a/"), samples, "")))
    assert (found["server"].figure.value, found["server"].figure.unit) == (5.0, "calls/s")
    assert {line.label: line.figure.value for line in found["server"].lines} == {
        "entries": 0,
        "uptime": 60,
        "CA runway": 7200,
    }
    assert found["agents"].figure.value == 1
    assert found["metrics"].figure.unit == "of 1 targets up"


def test_what_nobody_tells_has_a_reason() -> None:
    stock = ServerReading(at=NOW, started_at=NOW - 5)
    found = cards(seen(stock))
    assert found["server"].figure.missing == "no exporter"
    assert found["agents"].figure.missing == "stock server does not report it"
    assert found["metrics"].figure.missing == "no exporter"
    away = cards(seen(ServerReading(trouble="refused")))
    assert away["agents"].figure.missing == "server unreachable"
    assert away["server"].status == "unknown"


def test_a_server_that_does_not_answer_is_failing() -> None:
    whole = overview(seen(own(trouble="connection refused")), NOW)
    assert {card.id: card.status for card in whole.cards}["server"] == "failing"
    assert whole.attention[0].what == "the server does not answer"


def test_activity_is_against_the_days_own_peak() -> None:
    observatory = seen(own())
    assert activity(observatory, "server.calls", NOW) is Activity.DEFAULT
    observatory.trends.add("server.calls", 100, NOW - 7200)
    for recent, expected in ((10, Activity.LOW), (50, Activity.MODERATE), (90, Activity.HIGH)):
        observatory.trends.add("server.calls", recent, NOW)
        assert activity(observatory, "server.calls", NOW) is expected
