"""Candidates: entries that a process might have been meant for, the nearest first. Pure.

Nearness is how much would have to change for this entry to be the process's: selectors it lacks, a way to the agent
that is broken, an end that has come. With as much to change, one that shares more selectors is nearer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from finial.doctor.explain.chain import Chain, Ways
from finial.doctor.explain.scene import HeldEntry, Scene
from finial.registry.entry import Entry
from finial.spiffe.selector import Selector

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Lack:
    """A selector that the process lacks, and what it has instead: values of the same kind, `uid:1001` for `uid:1000`."""

    selector: Selector
    instead: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """`held` is None for an entry that only the server knows of; `chain` for one whose way is not known."""

    entry: Entry
    has: tuple[Selector, ...]
    lacks: tuple[Lack, ...]
    held: HeldEntry | None = None
    chain: Chain | None = None
    expired: bool = False

    @property
    def fits(self) -> bool:
        """By its selectors and its time."""
        return not self.lacks and not self.expired

    @property
    def changes(self) -> int:
        return len(self.lacks) + self.expired + (self.chain.cost if self.chain else 0)

    @property
    def nearness(self) -> tuple[int, bool, int, str]:
        """Smaller is nearer."""
        return self.changes, self.held is None, -len(self.has), self.entry.id


def candidates(scene: Scene) -> list[Candidate]:
    """The nearest first. Those with the expected ID alone, if any has it; else those that share a selector with the
    process."""
    ways, selectors = _ways(scene), scene.selectors
    made = (_candidate(entry, held, selectors, ways, scene.now) for entry, held in _known(scene))
    found = sorted(made, key=_nearness)
    wanted = scene.question.spiffe_id
    named = [one for one in found if one.entry.spiffe_id == wanted]
    return named or [one for one in found if one.has]


def _nearness(candidate: Candidate) -> tuple[int, bool, int, str]:
    return candidate.nearness


def _known(scene: Scene) -> Iterator[tuple[Entry, HeldEntry | None]]:
    """What can be handed to a process, each entry once. What the server says of an entry is newer than the agent's."""
    held = {one.entry.id: one for one in scene.agent.held} if scene.agent else {}
    server = {one.id: one for one in scene.server.entries} if scene.server else {}
    for entry_id in held | server:
        own = held.get(entry_id)
        entry = server.get(entry_id) or (own.entry if own else None)
        if entry is not None and not (entry.is_node_alias or entry.store_svid):
            yield entry, own


def _ways(scene: Scene) -> Ways | None:
    server = scene.server
    if server is None or server.agent is None:
        return None
    return Ways(server.agent, server.entries, server.agents)


def _candidate(
    entry: Entry, held: HeldEntry | None, selectors: frozenset[Selector], ways: Ways | None, now: float
) -> Candidate:
    return Candidate(
        entry,
        tuple(one for one in entry.selectors if one in selectors),
        tuple(Lack(one, _instead(one, selectors)) for one in entry.selectors if one not in selectors),
        held,
        ways.of(entry) if ways else None,
        entry.expired(now),
    )


def _instead(wanted: Selector, selectors: Iterable[Selector]) -> tuple[Selector, ...]:
    kind = kind_of(wanted)
    return tuple(sorted(one for one in selectors if one.type == wanted.type and kind_of(one) == kind))


def kind_of(selector: Selector) -> str:
    """`uid` of `unix:uid:1000`: what the value is about."""
    return selector.value.partition(":")[0]
