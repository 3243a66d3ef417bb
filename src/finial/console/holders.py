"""Which agents may hold an entry: the registry's rule, asked from the entry upwards. Pure.

A parent is an agent, the alias of every node that has its selectors, or an entry that itself is held by somebody.
`registry.authorized` says the same from the agent downwards; a property test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId


class Holders:
    """Of one moment's entries and agents."""

    def __init__(self, entries: Iterable[Entry], agents: Mapping[SpiffeId, Agent]) -> None:
        self._agents = agents
        self._named: dict[SpiffeId, list[Entry]] = {}
        for entry in entries:
            self._named.setdefault(entry.spiffe_id, []).append(entry)
        self._selectors = {one.id: frozenset(one.selectors) for one in agents.values()}

    def of(self, entry: Entry) -> frozenset[SpiffeId]:
        """IDs of agents; banned ones too, which hold it in vain."""
        if entry.is_node_alias:
            return frozenset()
        return frozenset(self._below(entry.parent_id, set()))

    def _below(self, parent: SpiffeId, seen: set[SpiffeId]) -> set[SpiffeId]:
        if parent in seen:
            return set()
        seen.add(parent)
        found = {parent} if parent in self._agents else set()
        for entry in self._named.get(parent, ()):
            found |= self._nodes(entry) if entry.is_node_alias else self._below(entry.parent_id, seen)
        return found

    def _nodes(self, alias: Entry) -> set[SpiffeId]:
        wanted = frozenset(alias.selectors)
        if not wanted:
            return set()
        return {agent_id for agent_id, selectors in self._selectors.items() if wanted <= selectors}
