"""The index answers as the plain recursion does, and misses no agent that a change concerns."""

from __future__ import annotations

from itertools import count
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from finial.registry.agent import Agent
from finial.registry.authorized import authorized_entries
from finial.registry.entry import Entry
from finial.server.authorized import AuthorizedIndex, Root
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

SELECTORS = [Selector("x", str(number)) for number in range(4)]
AGENTS = [SpiffeId.parse(f"spiffe://example.org/spire/agent/t/{number}") for number in range(5)]
SERVER = SpiffeId.parse("spiffe://example.org/spire/server")
WORKLOADS = [SpiffeId.parse(f"spiffe://example.org/w{number}") for number in range(6)]


class World:
    """The plain collections beside the index."""

    def __init__(self, random: Random) -> None:
        self.random, self.index, self.rows = random, AuthorizedIndex(), count(1)
        self.entries: dict[str, Entry] = {}
        self.agents: dict[SpiffeId, Agent] = {}

    def selectors(self) -> tuple[Selector, ...]:
        return tuple(self.random.sample(SELECTORS, self.random.randint(0, 3)))

    def edit(self) -> frozenset[Root]:
        name = f"e{self.random.randrange(25)}"
        agent_id = self.random.choice(AGENTS)
        match self.random.randrange(8):
            case 0 | 1:
                self.entries.pop(name, None)
                return self.index.drop_entry(name)
            case 2:
                agent = self.agents[agent_id] = Agent(agent_id, "t", "1", 1, selectors=self.selectors())
                return self.index.put_agent(agent, next(self.rows))
            case 3:
                self.agents.pop(agent_id, None)
                return self.index.drop_agent(agent_id)
            case _:
                parent = self.random.choice([*AGENTS, SERVER, SERVER, *WORKLOADS])
                made = Entry(name, self.random.choice(WORKLOADS), parent, self.selectors())
                self.entries[name] = made
                return self.index.put_entry(made, next(self.rows))

    def expected(self) -> dict[SpiffeId, dict[str, Entry]]:
        return {
            one: authorized_entries(
                one, self.agents[one].selectors if one in self.agents else (), self.entries.values()
            )
            for one in AGENTS
        }


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_equal_to_the_recursion_after_each_of_a_thousand_edits(seed: int) -> None:
    world = World(Random(seed))
    before = world.expected()
    for _ in range(1000):
        roots = world.edit()
        after = world.expected()
        assert {one: world.index.answer(one).entries for one in AGENTS} == after
        changed = {one for one in AGENTS if one in world.agents and before[one] != after[one]}
        assert changed <= world.index.agents_of(roots)
        before = after
