"""Which entries apply to a process: those whose selectors it has all of. Pure.

A process has about ten selectors and an agent may hold 10,000 entries, so each entry is filed under the
rarest of its selectors and a match looks into about ten drawers.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.registry.entry import Entry
from finial.spiffe.selector import Selector


class SelectorIndex:
    """Entries by selector."""

    def __init__(self) -> None:
        self._drawers: dict[Selector, dict[str, Entry]] = {}
        self._filed_under: dict[str, Selector] = {}

    def put(self, entry: Entry) -> None:
        """Adds or replaces by entry ID. An entry without selectors would apply to everybody: it is
        never a match."""
        self.remove(entry.id)
        if not entry.selectors:
            return
        rarest = min(entry.selectors, key=lambda one: len(self._drawers.get(one, ())))
        self._drawers.setdefault(rarest, {})[entry.id] = entry
        self._filed_under[entry.id] = rarest

    def remove(self, entry_id: str) -> None:
        selector = self._filed_under.pop(entry_id, None)
        if selector is None:
            return
        drawer = self._drawers[selector]
        del drawer[entry_id]
        if not drawer:
            del self._drawers[selector]

    def matching(self, selectors: frozenset[Selector]) -> list[Entry]:
        """Sorted by entry ID: the first one is a workload's default identity."""
        found = [
            entry
            for selector in selectors
            for entry in self._drawers.get(selector, {}).values()
            if selectors.issuperset(entry.selectors)
        ]
        return sorted(found, key=lambda entry: entry.id)


def without_repeated_hints(entries: Iterable[Entry]) -> list[Entry]:
    """Of entries with the same hint the oldest stays, of equally old ones that with the smallest ID.
    Entries without a hint all stay. SPIRE 1.15 `pkg/agent/common/hintsfilter`."""
    given = list(entries)
    chosen: dict[str, Entry] = {}
    for entry in given:
        rival = chosen.get(entry.hint)
        if rival is None or (entry.created_at, entry.id) < (rival.created_at, rival.id):
            chosen[entry.hint] = entry
    return [entry for entry in given if not entry.hint or chosen[entry.hint] is entry]
