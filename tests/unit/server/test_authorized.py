from __future__ import annotations

from dataclasses import replace

import pytest

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.server.authorized import AuthorizedIndex
from finial.server.listing import AgentFilter, EntryFilter
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

UNIX = Selector.parse("unix:uid:1")
RACK, ROOM = Selector.parse("x:rack"), Selector.parse("x:room")


def spiffe(path: str) -> SpiffeId:
    return SpiffeId.parse("spiffe://example.org" + path)


ONE, TWO = spiffe("/spire/agent/t/1"), spiffe("/spire/agent/t/2")


def entry(name: str, parent: SpiffeId, *selectors: Selector) -> Entry:
    return Entry(name, spiffe("/" + name), parent, selectors or (UNIX,))


def agent(agent_id: SpiffeId, *selectors: Selector) -> Agent:
    return Agent(agent_id, "t", "1", 100, selectors=selectors)


def index_of(*entries: Entry, agents: tuple[Agent, ...] = (agent(ONE), agent(TWO))) -> AuthorizedIndex:
    index = AuthorizedIndex()
    for row, one in enumerate(entries, 1):
        index.put_entry(one, row)
    for row, node in enumerate(agents, 1):
        index.put_agent(node, row)
    return index


def held(index: AuthorizedIndex, agent_id: SpiffeId) -> set[str]:
    return set(index.answer(agent_id).entries)


def alias(name: str, *selectors: Selector) -> Entry:
    return entry(name, spiffe("/spire/server"), *selectors)


def test_an_agent_holds_its_children_and_theirs() -> None:
    index = index_of(entry("a", ONE), entry("b", spiffe("/a")), entry("c", TWO))
    assert held(index, ONE) == {"a", "b"}
    assert held(index, TWO) == {"c"}


def test_another_agents_entry_is_not_given() -> None:
    index = index_of(entry("a", ONE))
    assert index.entry_for(TWO, "a") is None
    assert index.entry_for(ONE, "a") is not None


def test_a_cycle_ends_where_it_began() -> None:
    index = index_of(entry("a", ONE), replace(entry("b", spiffe("/a")), spiffe_id=spiffe("/a")))
    assert held(index, ONE) == {"a", "b"}


def test_an_alias_gives_its_children_to_nodes_with_all_its_selectors() -> None:
    index = index_of(
        alias("group", RACK, ROOM),
        entry("a", spiffe("/group")),
        agents=(agent(ONE, RACK, ROOM), agent(TWO, RACK)),
    )
    assert held(index, ONE) == {"a"}
    assert held(index, TWO) == set()


def test_agents_with_equal_roots_share_their_answer() -> None:
    nodes = (agent(ONE, RACK), agent(TWO, RACK))
    index = index_of(alias("group", RACK), entry("a", spiffe("/group")), agents=nodes)
    assert index.answer(ONE) is index.answer(TWO)


def test_a_change_names_the_agents_it_concerns_through_the_chain() -> None:
    index = index_of(entry("a", ONE), entry("b", spiffe("/a")))
    assert held(index, ONE) == {"a", "b"}
    assert index.agents_of(index.put_entry(entry("c", spiffe("/b")), 9)) == {ONE}
    assert held(index, ONE) == {"a", "b", "c"}
    assert index.agents_of(index.drop_entry("a")) == {ONE}
    assert held(index, ONE) == set()


def test_a_move_concerns_both_sides() -> None:
    index = index_of(entry("a", ONE))
    assert index.agents_of(index.put_entry(entry("a", TWO), 1)) == {ONE, TWO}


def test_an_alias_change_concerns_the_nodes_that_match() -> None:
    nodes = (agent(ONE, RACK), agent(TWO, ROOM))
    index = index_of(entry("a", spiffe("/group")), agents=nodes)
    assert index.agents_of(index.put_entry(alias("group", RACK), 9)) == {ONE}
    assert held(index, ONE) == {"a"}
    assert index.agents_of(index.drop_entry("group")) == {ONE}
    assert held(index, ONE) == set()


def test_the_same_told_twice_concerns_nobody() -> None:
    index = index_of(entry("a", ONE))
    assert index.put_entry(entry("a", ONE), 1) == frozenset()
    assert index.put_agent(agent(ONE), 1) == frozenset()
    assert index.drop_entry("gone") == frozenset()
    assert index.drop_agent(spiffe("/spire/agent/t/9")) == frozenset()


def test_new_node_selectors_change_what_is_held() -> None:
    index = index_of(alias("group", RACK), entry("a", spiffe("/group")), agents=(agent(ONE),))
    assert held(index, ONE) == set()
    assert index.put_agent(agent(ONE, RACK), 1) == {ONE}
    assert held(index, ONE) == {"a"}
    assert index.drop_agent(ONE) == {ONE}
    assert held(index, ONE) == set()


def test_lists_are_narrowed_by_parent_and_spiffe_id() -> None:
    index = index_of(entry("a", ONE), entry("b", TWO), entry("c", ONE))
    assert [one.id for one in index.list_entries(EntryFilter(parent_id=ONE)).values] == ["a", "c"]
    assert [one.id for one in index.list_entries(EntryFilter(spiffe_id=spiffe("/b"))).values] == ["b"]
    assert [one.id for one in index.list_entries(EntryFilter(), size=2, token="1").values] == ["b", "c"]
    assert [one.id for one in index.list_agents(AgentFilter()).values] == [ONE, TWO]
    assert [one.id for one in index.with_spiffe_id(spiffe("/a"))] == ["a"]


def test_answers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finial.server.authorized.MAX_ANSWERS", 1)
    index = index_of(entry("a", ONE), entry("b", TWO))
    first = index.answer(ONE)
    assert index.answer(ONE) is first
    assert held(index, TWO) == {"b"}
    assert index.answer(ONE) is not first
    assert held(index, ONE) == {"a"}


def test_an_index_that_is_filled_at_once_answers_as_one_that_was_told_entry_by_entry() -> None:
    entries = (alias("group", RACK), entry("a", ONE), entry("b", spiffe("/a")), entry("c", spiffe("/group")))
    nodes = (agent(ONE, RACK), agent(TWO))
    told, filled = index_of(*entries, agents=nodes), index_of(agents=nodes)
    filled.fill(list(enumerate(entries, 1)))
    for node in (ONE, TWO):
        assert filled.answer(node).entries == told.answer(node).entries
    assert filled.list_entries(EntryFilter()) == told.list_entries(EntryFilter())
    assert filled.agents_of(filled.drop_entry("b")) == told.agents_of(told.drop_entry("b")) == {ONE}
