"""Who may hold what, as an index: entries and agents in by key, each agent's entries out.

Kept is the parent *graph*, never a set per agent: entries by parent, entries by SPIFFE ID, node aliases
by selector, agents by selector. An agent's answer is walked from its roots (its own ID and its node
aliases, those that have children) when it asks, and kept for all agents with equal roots. A changed
entry finds the agents concerned by walking up from its parent; the same walk names the kept answers to
drop. Every method is by key and idempotent: told the same twice, nothing changes and nobody is named.

Equal to `registry.authorized.authorized_entries`: tests/property/test_server_authorized.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.server.listing import AgentFilter, EntryFilter, Ordered, Page
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

Key = TypeVar("Key", SpiffeId, Selector)
NOBODY: frozenset[SpiffeId] = frozenset()


@dataclass(slots=True, eq=False)
class Answer:
    """The entries one group of agents holds, by entry ID. `encoded` is the API's to fill and read."""

    entries: dict[str, Entry]
    encoded: dict[object, tuple[bytes, ...]] = field(default_factory=dict)


class AuthorizedIndex:
    """Not thread-safe: it belongs to the event loop."""

    def __init__(self) -> None:
        self.entries: Ordered[str, Entry] = Ordered()
        self.agents: Ordered[SpiffeId, Agent] = Ordered()
        self._by_parent: dict[SpiffeId, dict[str, Entry]] = {}
        self._by_id: dict[SpiffeId, dict[str, Entry]] = {}
        self._aliases: dict[Selector, dict[str, Entry]] = {}  # under the first of its sorted selectors
        self._agents_with: dict[Selector, set[SpiffeId]] = {}
        self._answers: dict[frozenset[SpiffeId], Answer] = {}
        self._answers_of_root: dict[SpiffeId, set[frozenset[SpiffeId]]] = {}

    # What is asked

    def answer(self, agent_id: SpiffeId) -> Answer:
        """Of an agent that is not known: what its own ID would hold."""
        roots = self._roots(agent_id)
        kept = self._answers.get(roots)
        if kept is None:
            kept = self._answers[roots] = Answer(self._walk_down(roots))
            for root in roots:
                self._answers_of_root.setdefault(root, set()).add(roots)
        return kept

    def entry_for(self, agent_id: SpiffeId, entry_id: str) -> Entry | None:
        """The entry, if this agent may hold it."""
        return self.answer(agent_id).entries.get(entry_id)

    def with_spiffe_id(self, spiffe_id: SpiffeId) -> Iterable[Entry]:
        return self._by_id.get(spiffe_id, {}).values()

    def concerned(self, entry: Entry) -> frozenset[SpiffeId]:
        """The agents that hold this entry, or whose roots it gives."""
        if entry.is_node_alias:
            return frozenset(self._agents_having(entry.selectors))
        return self._agents_of(self._walk_up(entry.parent_id))

    def list_entries(self, wanted: EntryFilter, *, size: int = 0, token: str = "") -> Page[Entry]:
        """Raises: InvalidArgument for a bad token."""
        among = None
        if wanted.parent_id is not None:
            among = self._by_parent.get(wanted.parent_id, {})
        elif wanted.spiffe_id is not None:
            among = self._by_id.get(wanted.spiffe_id, {})
        return self.entries.page(wanted.accepts, size=size, token=token, among=among)

    def list_agents(self, wanted: AgentFilter, *, size: int = 0, token: str = "") -> Page[Agent]:
        """Raises: InvalidArgument for a bad token."""
        return self.agents.page(wanted.accepts, size=size, token=token)

    # What is told

    def put_entry(self, row: int, entry: Entry) -> frozenset[SpiffeId]:
        """An entry as it stands in the database now. The agents whose answer may be another."""
        old = self.entries.get(entry.id)
        if old == entry:
            return NOBODY
        concerned = self._take_out(old) if old else NOBODY
        self.entries.put(entry.id, row, entry)
        self._by_parent.setdefault(entry.parent_id, {})[entry.id] = entry
        self._by_id.setdefault(entry.spiffe_id, {})[entry.id] = entry
        if entry.is_node_alias and entry.selectors:
            self._aliases.setdefault(min(entry.selectors), {})[entry.id] = entry
        return concerned | self._changed(entry)

    def drop_entry(self, entry_id: str) -> frozenset[SpiffeId]:
        """The agents whose answer may be another; nobody if there was no such entry."""
        old = self.entries.get(entry_id)
        if old is None:
            return NOBODY
        concerned = self._take_out(old)
        self.entries.drop(entry_id)
        return concerned

    def put_agent(self, row: int, agent: Agent) -> frozenset[SpiffeId]:
        """An agent as it stands in the database now. Itself, if anything of it changed."""
        old = self.agents.get(agent.id)
        if old == agent:
            return NOBODY
        if old is None or old.selectors != agent.selectors:
            if old:
                self._unselect(old)
            for selector in agent.selectors:
                self._agents_with.setdefault(selector, set()).add(agent.id)
        self.agents.put(agent.id, row, agent)
        return frozenset((agent.id,))

    def drop_agent(self, agent_id: SpiffeId) -> frozenset[SpiffeId]:
        old = self.agents.get(agent_id)
        if old is None:
            return NOBODY
        self._unselect(old)
        self.agents.drop(agent_id)
        return frozenset((agent_id,))

    # Walks

    def _roots(self, agent_id: SpiffeId) -> frozenset[SpiffeId]:
        """The agent's ID and its aliases, those that have children: equal for agents that hold the same."""
        agent = self.agents.get(agent_id)
        roots = [agent_id]
        if agent and agent.selectors:
            has = frozenset(agent.selectors)
            for selector in has:
                for alias in self._aliases.get(selector, {}).values():
                    if has.issuperset(alias.selectors):
                        roots.append(alias.spiffe_id)
        return frozenset(root for root in roots if root in self._by_parent)

    def _walk_down(self, roots: Iterable[SpiffeId]) -> dict[str, Entry]:
        held: dict[str, Entry] = {}
        parents, seen = list(roots), set(roots)
        while parents:
            for entry in self._by_parent.get(parents.pop(), {}).values():
                if entry.is_node_alias:
                    continue
                held[entry.id] = entry
                if entry.spiffe_id not in seen:
                    seen.add(entry.spiffe_id)
                    parents.append(entry.spiffe_id)
        return held

    def _walk_up(self, parent_id: SpiffeId) -> set[SpiffeId]:
        """The ID and all from which a walk down reaches it."""
        above, seen = [parent_id], {parent_id}
        while above:
            for entry in self._by_id.get(above.pop(), {}).values():
                if not entry.is_node_alias and entry.parent_id not in seen:
                    seen.add(entry.parent_id)
                    above.append(entry.parent_id)
        return seen

    def _agents_of(self, ids: Iterable[SpiffeId]) -> frozenset[SpiffeId]:
        """The agents that have one of these as a root."""
        agents: set[SpiffeId] = set()
        for one in ids:
            if one in self.agents:
                agents.add(one)
            for entry in self._by_id.get(one, {}).values():
                if entry.is_node_alias:
                    agents |= self._agents_having(entry.selectors)
        return frozenset(agents)

    def _agents_having(self, selectors: tuple[Selector, ...]) -> set[SpiffeId]:
        groups = sorted((self._agents_with.get(one, set()) for one in selectors), key=len)
        return groups[0].intersection(*groups[1:]) if groups else set()

    # Upkeep

    def _changed(self, entry: Entry) -> frozenset[SpiffeId]:
        """Drops the answers this entry takes part in and names who is concerned."""
        if entry.is_node_alias:
            return self.concerned(entry)  # roots are worked out at each question
        ids = self._walk_up(entry.parent_id)
        for root in ids:
            self._forget_answers(root)
        return self._agents_of(ids)

    def _forget_answers(self, root: SpiffeId) -> None:
        for roots in self._answers_of_root.pop(root, set()):
            self._answers.pop(roots, None)
            for other in roots - {root}:
                self._answers_of_root.get(other, set()).discard(roots)

    def _take_out(self, entry: Entry) -> frozenset[SpiffeId]:
        concerned = self._changed(entry)
        _remove(self._by_parent, entry.parent_id, entry.id)
        _remove(self._by_id, entry.spiffe_id, entry.id)
        if entry.is_node_alias and entry.selectors:
            _remove(self._aliases, min(entry.selectors), entry.id)
        return concerned

    def _unselect(self, agent: Agent) -> None:
        for selector in agent.selectors:
            having = self._agents_with.get(selector, set())
            having.discard(agent.id)
            if not having:
                self._agents_with.pop(selector, None)


def _remove(groups: dict[Key, dict[str, Entry]], key: Key, entry_id: str) -> None:
    group = groups[key]
    del group[entry_id]
    if not group:
        del groups[key]
