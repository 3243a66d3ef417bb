"""The table of agents: worst first, filtered, in pages."""

from __future__ import annotations

from finial.console.readings import AgentReading, ServerReading, State
from finial.console.views.agents import WORST_FIRST, agents
from finial.registry.agent import Agent
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

NOW = 1_800_000_000.0
DOMAIN = TrustDomain("example.org")


def agent(name: str, state: State, last_seen: float = NOW - 30) -> AgentReading:
    made = Agent(
        SpiffeId.of(DOMAIN, f"/spire/agent/x509pop/{name}"),
        "x509pop",
        "1",
        int(NOW) + 60,
        agent_version="1.15.3",
        selectors=(Selector("x509pop", f"san:{name}"),),
    )
    return AgentReading(made, state, last_seen, 1)


def server(*found: AgentReading) -> ServerReading:
    return ServerReading(own=True, at=NOW, agents={one.agent.id: one for one in found})


def test_every_state_has_its_place_and_its_words() -> None:
    assert set(WORST_FIRST) == set(State)
    table = agents(server(*(agent(state.value, state) for state in State)), NOW)
    assert [row.state for row in table.rows] == list(WORST_FIRST)
    assert all(row.why for row in table.rows)
    assert table.states == {state.value: 1 for state in State}


def test_rows_are_found_by_what_is_written_in_them() -> None:
    seen = server(agent("node-1", State.READY), agent("node-2", State.GONE))
    for text in ("node-1", "san:node-1"):
        assert [row.name for row in agents(seen, NOW, text=text).rows] == ["node-1"]
    assert [row.name for row in agents(seen, NOW, state=State.GONE).rows] == ["node-2"]
    assert not agents(seen, NOW, text="nope").rows


def test_a_table_comes_in_pages() -> None:
    table = agents(server(*(agent(f"n{number}", State.READY) for number in range(9))), NOW, offset=6, most=5)
    assert [row.name for row in table.rows] == ["n6", "n7", "n8"]
    assert (table.page.total, table.page.matching, table.page.offset) == (9, 9, 6)


def test_one_that_was_never_seen_says_so() -> None:
    [silent] = agents(server(agent("a", State.GONE)), NOW).rows
    [never] = agents(server(agent("a", State.GONE, last_seen=0)), NOW).rows
    assert silent.why == "silent for 30 s"
    assert (never.why, never.last_seen) == ("not seen since the server started", None)
