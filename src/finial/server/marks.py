"""How far each agent is known to be: what Wait answers from. In memory, per server.

An agent that watches acknowledges positions, kept with its session (`watch`). Of one that polls as SPIRE's
does only what it fetched is known: after a change its next sync and bundle, or a signature for that very
entry, count as *delivered*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from finial.runtime.clock import Clock
from finial.spiffe.id import SpiffeId
from finial.store import Position

MAX_SIGNED = 1000  # entries remembered of one agent: what is forgotten is delivered with its next sync


@dataclass(slots=True)
class Mark:
    """Of one agent. Positions are those of the index at the moment of the call; None: not yet."""

    last_seen: float  # Unix seconds
    entries: Position | None = None
    bundle: Position | None = None
    signed: dict[str, Position] = field(default_factory=dict)

    def is_delivered(self, position: Position, entry_ids: frozenset[str]) -> bool:
        if entry_ids and all(_covers(self.signed.get(one), position) for one in entry_ids):
            return True
        return _covers(self.entries, position) and _covers(self.bundle, position)


class Marks:
    """`position` answers where the index stands; `changed` is called after each step of a mark."""

    def __init__(self, clock: Clock, position: Callable[[], Position]) -> None:
        self._clock, self._position = clock, position
        self._marks: dict[SpiffeId, Mark] = {}
        self._listeners: dict[object, Callable[[SpiffeId], None]] = {}

    def get(self, agent_id: SpiffeId) -> Mark | None:
        return self._marks.get(agent_id)

    def subscribe(self, listener: Callable[[SpiffeId], None]) -> Callable[[], None]:
        """Returns: unsubscribe."""
        token = object()
        self._listeners[token] = listener

        def leave() -> None:
            self._listeners.pop(token, None)

        return leave

    def seen(self, agent_id: SpiffeId) -> Mark:
        mark = self._marks.get(agent_id)
        if mark is None:
            mark = self._marks[agent_id] = Mark(self._clock.unix())
        mark.last_seen = self._clock.unix()
        return mark

    def forget(self, gone: Iterable[SpiffeId]) -> None:
        """Agents that are evicted."""
        for agent_id in gone:
            self._marks.pop(agent_id, None)

    def acknowledged(self, agent_id: SpiffeId) -> None:
        self.seen(agent_id)
        self._tell(agent_id)

    def fetched_entries(self, agent_id: SpiffeId) -> None:
        self.seen(agent_id).entries = self._position()
        self._tell(agent_id)

    def fetched_bundle(self, agent_id: SpiffeId) -> None:
        mark = self.seen(agent_id)
        mark.bundle = self._position()
        mark.signed = {one: at for one, at in mark.signed.items() if not _covers(mark.entries, at)}
        self._tell(agent_id)

    def signed(self, agent_id: SpiffeId, entry_ids: Iterable[str]) -> None:
        signed = self.seen(agent_id).signed
        for entry_id in entry_ids:
            signed.pop(entry_id, None)  # the newest is last
            signed[entry_id] = self._position()
        for entry_id in tuple(signed)[: max(0, len(signed) - MAX_SIGNED)]:
            del signed[entry_id]
        self._tell(agent_id)

    def _tell(self, agent_id: SpiffeId) -> None:
        for listener in tuple(self._listeners.values()):
            listener(agent_id)


def _covers(mark: Position | None, position: Position) -> bool:
    return mark is not None and mark.epoch == position.epoch and mark.covers(position)
