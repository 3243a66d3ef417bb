"""Who may hold an entry, held against the registry's own rule."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from finial.console.holders import Holders
from finial.registry.agent import Agent
from finial.registry.authorized import authorized_entries
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

DOMAIN = TrustDomain("example.org")
SERVER = server_id(DOMAIN)
AGENTS = [SpiffeId.of(DOMAIN, f"/spire/agent/t/{name}") for name in "abc"]
IDS = [SpiffeId.of(DOMAIN, f"/{name}") for name in "abcd"]
SELECTORS = [Selector("n", name) for name in "123"]
SETS = st.lists(st.sampled_from(SELECTORS), max_size=3, unique=True)
ENTRIES = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from([*IDS, *AGENTS, SERVER]), SETS), max_size=10
)


@given(ENTRIES, st.tuples(SETS, SETS, SETS))
def test_it_is_what_the_rule_of_the_registry_says_of_each_agent(
    rows: list[tuple[SpiffeId, SpiffeId, list[Selector]]], nodes: tuple[list[Selector], ...]
) -> None:
    entries = [
        Entry(str(number), spiffe_id, parent, tuple(chosen))
        for number, (spiffe_id, parent, chosen) in enumerate(rows)
    ]
    agents = {
        one: Agent(one, "t", "1", 0, selectors=tuple(chosen))
        for one, chosen in zip(AGENTS, nodes, strict=True)
    }
    holders = Holders(entries, agents)
    for entry in entries:
        expected = {
            one
            for one, agent in agents.items()
            if entry.id in authorized_entries(one, agent.selectors, entries)
        }
        assert holders.of(entry) == expected
