"""Who may hold what, as an index: entries and agents in by key, each agent's entries out.

Kept is the parent *graph*, never a set per agent: entries by parent, entries by SPIFFE ID, node aliases
by selector, agents by selector. An agent's answer is walked from its roots (its own ID and its node
aliases, those that have children) when it asks, and kept for all agents with equal roots. A changed
entry finds the agents concerned by walking up from its parent; the same walk names the kept answers to
drop. Every method is by key and idempotent: told the same twice, nothing changes and nobody is named.
What a change returns are *roots*, cheap to gather over a batch; `agents_of` turns them into agents once.

Equal to `registry.authorized.authorized_entries`: tests/property/test_server_authorized.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeVar

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.server.listing import AgentFilter, EntryFilter, Ordered, Page
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

Key = TypeVar("Key", SpiffeId, Selector)
Root = SpiffeId | tuple[Selector, ...]  # an ID that agents hold entries through, or a node alias's selectors
MAX_ANSWERS = 10_000  # kept at once; an answer that was let go is walked again
NOTHING: frozenset[Root] = frozenset()


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
        self._by_parent: defaultdict[SpiffeId, dict[str, Entry]] = defaultdict(dict)
        self._by_id: defaultdict[SpiffeId, dict[str, Entry]] = defaultdict(dict)
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
            kept = Answer(self._walk_down(roots))
            self._keep(roots, kept)
        return kept

    def entry_for(self, agent_id: SpiffeId, entry_id: str) -> Entry | None:
        """The entry, if this agent may hold it."""
        return self.answer(agent_id).entries.get(entry_id)

    def with_spiffe_id(self, spiffe_id: SpiffeId) -> Iterable[Entry]:
        return self._by_id.get(spiffe_id, {}).values()

    def roots_of(self, entry: Entry) -> frozenset[Root]:
        """Through which this entry is held, or to whom it gives a root."""
        if entry.is_node_alias:
            return frozenset((entry.selectors,))
        return frozenset(self._walk_up(entry.parent_id))

    def agents_of(self, roots: Iterable[Root]) -> set[SpiffeId]:
        """The agents that have one of these roots."""
        agents: set[SpiffeId] = set()
        for root in roots:
            if not isinstance(root, SpiffeId):
                agents |= self._agents_having(root)
                continue
            if root in self.agents:
                agents.add(root)
            for entry in self._by_id.get(root, {}).values():
                if entry.is_node_alias:
                    agents |= self._agents_having(entry.selectors)
        return agents

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

    @property
    def aliases(self) -> tuple[int, int]:
        """How many node aliases there are, and under how many selectors they are kept."""
        return sum(map(len, self._aliases.values())), len(self._aliases)

    # What is told

    def fill(self, entries: Sequence[tuple[int, Entry]]) -> None:
        """Rows and entries, oldest first, into an index that is empty."""
        self.entries.fill(entries, attrgetter("id"))
        for _, entry in entries:
            self._put_in(entry)

    def put_entry(self, entry: Entry, row: int) -> frozenset[Root]:
        """An entry as it stands in the database now, in that row. The roots below which it changed."""
        old = self.entries.get(entry.id)
        self.entries.put(entry.id, entry, row)
        if old == entry:
            return NOTHING
        concerned = self._take_out(old) if old else NOTHING
        self._put_in(entry)
        return concerned | self._changed(entry)

    def drop_entry(self, entry_id: str) -> frozenset[Root]:
        """The roots below which it is missed; none if there was no such entry."""
        old = self.entries.get(entry_id)
        if old is None:
            return NOTHING
        concerned = self._take_out(old)
        self.entries.drop(entry_id)
        return concerned

    def put_agent(self, agent: Agent, row: int) -> frozenset[Root]:
        """An agent as it stands in the database now, in that row. Itself, if anything of it changed."""
        old = self.agents.get(agent.id)
        self.agents.put(agent.id, agent, row)
        if old == agent:
            return NOTHING
        if old is None or old.selectors != agent.selectors:
            if old:
                self._unselect(old)
            for selector in agent.selectors:
                self._agents_with.setdefault(selector, set()).add(agent.id)
        return frozenset((agent.id,))

    def drop_agent(self, agent_id: SpiffeId) -> frozenset[Root]:
        old = self.agents.get(agent_id)
        if old is None:
            return NOTHING
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

    def _agents_having(self, selectors: tuple[Selector, ...]) -> set[SpiffeId]:
        groups = sorted((self._agents_with.get(one, set()) for one in selectors), key=len)
        return groups[0].intersection(*groups[1:]) if groups else set()

    # Upkeep

    def _changed(self, entry: Entry) -> frozenset[Root]:
        """Drops the answers this entry takes part in; an alias takes part in none, it gives roots."""
        roots = self.roots_of(entry)
        for root in roots:
            if isinstance(root, SpiffeId):
                self._forget_answers(root)
        return roots

    def _keep(self, roots: frozenset[SpiffeId], answer: Answer) -> None:
        if len(self._answers) >= MAX_ANSWERS:
            self._forget(next(iter(self._answers)))
        self._answers[roots] = answer
        for root in roots:
            self._answers_of_root.setdefault(root, set()).add(roots)

    def _forget_answers(self, root: SpiffeId) -> None:
        for roots in tuple(self._answers_of_root.get(root, ())):
            self._forget(roots)

    def _forget(self, roots: frozenset[SpiffeId]) -> None:
        del self._answers[roots]
        for root in roots:
            having = self._answers_of_root[root]
            having.discard(roots)
            if not having:
                del self._answers_of_root[root]

    def _put_in(self, entry: Entry) -> None:
        self._by_parent[entry.parent_id][entry.id] = entry
        self._by_id[entry.spiffe_id][entry.id] = entry
        if entry.is_node_alias and entry.selectors:
            self._aliases.setdefault(min(entry.selectors), {})[entry.id] = entry

    def _take_out(self, entry: Entry) -> frozenset[Root]:
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
