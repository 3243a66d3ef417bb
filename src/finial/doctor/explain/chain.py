"""Why an agent may not hold an entry: the first break on the way from the entry up to the agent. Pure.

An agent holds what is parented at it, at a node alias of it, or at an entry that it holds: `registry.authorized`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from finial.doctor.explain.fault import Fault
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector


@dataclass(frozen=True, slots=True)
class Break:
    """`at`: the parent where the way ends. `missing`: selectors that the node lacks for that alias."""

    fault: Fault
    at: SpiffeId
    missing: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """From the entry upwards; unbroken, it ends at the agent."""

    parents: tuple[SpiffeId, ...]
    broken: Break | None = None

    @property
    def cost(self) -> int:
        """How much would have to change."""
        return 0 if self.broken is None else len(self.broken.missing) or 1


class Ways:
    """The ways from any entry up to one agent. `agents`: all that the server knows."""

    def __init__(self, agent: Agent, entries: Iterable[Entry], agents: frozenset[SpiffeId]) -> None:
        self._agent, self._agents = agent, agents
        self._named: dict[SpiffeId, list[Entry]] = {}
        for one in entries:
            self._named.setdefault(one.spiffe_id, []).append(one)

    def of(self, entry: Entry) -> Chain:
        """Of several ways the one that lacks the least."""
        return self._up(entry.parent_id, ())

    def _up(self, parent: SpiffeId, below: tuple[SpiffeId, ...]) -> Chain:
        way = (*below, parent)
        if parent == self._agent.id:
            return Chain(way)
        ways = [
            _through_alias(one, self._agent, way) if one.is_node_alias else self._up(one.parent_id, way)
            for one in self._named.get(parent, ())
            if one.parent_id not in way
        ]
        if ways:
            return min(ways, key=lambda chain: chain.cost)
        return Chain(way, Break(self._why_nobody(parent), parent))

    def _why_nobody(self, parent: SpiffeId) -> Fault:
        """No entry has the parent's ID."""
        if parent in self._agents:
            return Fault.PARENT_ELSEWHERE
        return Fault.PARENT_MISSING if parent.is_agent else Fault.ALIAS_MISSING


def _through_alias(alias: Entry, agent: Agent, way: tuple[SpiffeId, ...]) -> Chain:
    missing = tuple(one for one in alias.selectors if one not in agent.selectors)
    if alias.selectors and not missing:
        return Chain((*way, agent.id))
    return Chain(way, Break(Fault.ALIAS_SHORT, alias.spiffe_id, missing))
