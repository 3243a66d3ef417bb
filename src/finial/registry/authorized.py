"""Which entries an agent may hold: the rule, as plain recursion over plain collections. Pure.

An agent holds the entries parented at it, at a node alias of it, or at an entry it holds. A node alias
is an entry parented at the server whose selectors the node has all of; it makes its SPIFFE ID a parent
and is not handed out itself. Cycles end where they began. SPIRE 1.15 `pkg/server/cache/entrycache`.

`server/authorized.py` answers the same from an index; a property test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector


def authorized_entries(
    agent_id: SpiffeId, node_selectors: Iterable[Selector], entries: Iterable[Entry]
) -> dict[str, Entry]:
    """By entry ID, in no particular order."""
    children: dict[SpiffeId, list[Entry]] = {}
    for entry in entries:
        children.setdefault(entry.parent_id, []).append(entry)
    held: dict[str, Entry] = {}
    parents = [agent_id, *node_aliases(node_selectors, (one for group in children.values() for one in group))]
    seen: set[SpiffeId] = set()
    while parents:
        parent = parents.pop()
        if parent in seen:
            continue
        seen.add(parent)
        for entry in children.get(parent, ()):
            if not entry.is_node_alias:
                held[entry.id] = entry
                parents.append(entry.spiffe_id)
    return held


def node_aliases(node_selectors: Iterable[Selector], entries: Iterable[Entry]) -> list[SpiffeId]:
    """The further identities of a node."""
    has = frozenset(node_selectors)
    return [
        entry.spiffe_id
        for entry in entries
        if entry.is_node_alias and entry.selectors and has.issuperset(entry.selectors)
    ]
