"""Follows the change log: what is committed, by whomever, comes into the index here and nowhere else.

The log names things by key; each is read again and applied, which is idempotent. Then those who wait for
the position go on, and subscribers hear which agents and bundles are concerned. A log that cannot be
continued (another history) makes a fresh load, told as one large change.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from finial.errors import FailedPrecondition, FinialError
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime import collector
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.server.authorized import AuthorizedIndex, Root
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Change, Kind, Position, Snapshot, Store, Stored

RETRY = 1.0  # seconds after a read that failed
TOLD = 60.0  # seconds between two lines on a log that cannot be read
PATIENCE = 5.0  # seconds for which the answer to a write waits for the index


@dataclass(frozen=True, slots=True)
class Applied:
    """One step of the index. `agents` may hold other entries than before, or are others themselves."""

    position: Position
    agents: frozenset[SpiffeId] = frozenset()
    bundles: frozenset[TrustDomain] = frozenset()
    everything: bool = False  # loaded afresh: everybody is concerned
    changes: tuple[Change, ...] = ()  # what the log named


Subscriber = Callable[[Applied], None]


@dataclass(slots=True)
class View:
    """What the index stands for at one position."""

    position: Position
    index: AuthorizedIndex = field(default_factory=AuthorizedIndex)
    bundles: dict[TrustDomain, Bundle] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot) -> View:
        view = cls(snapshot.position)
        with collector.paused():
            view.index.fill(snapshot.entries)
        for row, agent in snapshot.agents:
            view.index.put_agent(agent, row)
        view.bundles = {bundle.trust_domain: bundle for _, bundle in snapshot.bundles}
        return view


class Follower:
    """Owns the view; `run` it as a task. Everything else only reads the view, on the same loop."""

    def __init__(
        self,
        trust_domain: TrustDomain,
        store: Store,
        snapshot: Snapshot,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
    ) -> None:
        self.trust_domain = trust_domain
        self._store, self._clock, self._log = store, clock, log
        self._subscribers: dict[object, Subscriber] = {}
        self._moved = asyncio.Event()
        self._applying = asyncio.Lock()  # rows that were read are applied before any are read again
        self._reloads = metrics.calls("entry.cache.reload")
        self._out_since: float | None = None  # on the monotonic clock
        self.view = View.of(snapshot)

    @property
    def outage(self) -> float:
        """Seconds for which the log could not be read; 0: it can."""
        return 0.0 if self._out_since is None else self._clock.monotonic() - self._out_since

    @property
    def index(self) -> AuthorizedIndex:
        return self.view.index

    @property
    def position(self) -> Position:
        return self.view.position

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Called after each step, on the loop; must not raise. Returns: unsubscribe."""
        token = object()
        self._subscribers[token] = subscriber

        def leave() -> None:
            self._subscribers.pop(token, None)

        return leave

    async def reached(self, position: Position) -> None:
        """Returns once the index holds what stands at this position.

        Raises: FailedPrecondition for a position of another history.
        """
        while not self.position.covers(position):
            await self._moved.wait()

    async def caught_up(self, position: Position) -> None:
        """Ends when the index holds what a write left at this position, or a caller can be kept no longer, logged.

        A commit stands whatever becomes of the log, so that its answer must not fail or hang with the database:
        when it has arrived is what Wait tells.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self.reached(position)
        except (TimeoutError, FailedPrecondition):
            self._log.warning("A committed change is not in the index yet", position=position.encode().hex())

    async def run(self) -> None:
        """Until cancelled. What cannot be read is tried again, be it a step or everything."""
        while True:
            try:
                await self._go_on()
            except FinialError as why:
                await self._outlast(why)

    async def _outlast(self, why: FinialError) -> None:
        """Until the log can be read again; said at once, each minute, and at the end."""
        since = self._out_since = self._clock.monotonic()
        told = since - TOLD
        while True:
            if (now := self._clock.monotonic()) >= told + TOLD:
                self._log.error("Failed to follow the change log", error=why, seconds=round(now - since))
                told = now
            await self._clock.sleep(RETRY)
            try:
                await self._go_on(at_once=True)
            except FinialError as again:
                why = again
            else:
                break
        self._out_since = None
        self._log.info("Following the change log again", seconds=round(self._clock.monotonic() - since))

    async def _go_on(self, *, at_once: bool = False) -> None:
        try:
            if not at_once:
                await self._store.changes.wait(self.position)
            await self.step()
        except FailedPrecondition as why:
            self._log.warning("Change log cannot be continued; loading everything", error=why)
            async with self._applying:
                with self._reloads.measured():
                    self._replace(View.of(await self._store.load(self.position)))

    async def step(self) -> None:
        """Applies what was committed since. Raises: as the store reads."""
        async with self._applying:
            changes, position = await self._store.changes.read(self.position)
            if position != self.position:
                with self._reloads.measured():
                    await self._apply(changes, position)

    async def repair(self, things: Iterable[Change]) -> None:
        """Reads these again, whatever the log says of them. Raises: as the store reads."""
        async with self._applying:
            await self._apply(things, self.position)

    async def _apply(self, named: Iterable[Change], position: Position) -> None:
        changes = tuple(named)
        keys = by_kind(changes)
        entries = await self._store.entries_by_id(keys[Kind.ENTRY]) if keys[Kind.ENTRY] else {}
        node_ids = [SpiffeId.parse(key) for key in keys[Kind.NODE]]
        agents = await self._store.agents_by_id(node_ids) if node_ids else {}
        domains = [TrustDomain.parse(key) for key in keys[Kind.BUNDLE]]
        bundles = {one: await self._store.bundle(one) for one in domains}

        roots: set[Root] = set()
        for entry_id in keys[Kind.ENTRY]:
            roots |= self._put_entry(entry_id, entries.get(entry_id))
        nodes: set[SpiffeId] = set()
        for node_id in node_ids:
            if self._put_agent(node_id, agents.get(node_id)):
                nodes.add(node_id)
        changed = frozenset(one for one, bundle in bundles.items() if self._put_bundle(one, bundle))
        self.view.position = position
        concerned = frozenset(self.index.agents_of(roots) | nodes)
        self._tell(Applied(position, concerned, changed, changes=changes))

    def _put_entry(self, entry_id: str, stored: Stored[Entry] | None) -> frozenset[Root]:
        if stored is None:
            return self.index.drop_entry(entry_id)
        return self.index.put_entry(stored.value, stored.row)

    def _put_agent(self, agent_id: SpiffeId, stored: Stored[Agent] | None) -> frozenset[Root]:
        if stored is None:
            return self.index.drop_agent(agent_id)
        return self.index.put_agent(stored.value, stored.row)

    def _put_bundle(self, trust_domain: TrustDomain, bundle: Bundle | None) -> bool:
        if self.view.bundles.get(trust_domain) == bundle:
            return False
        if bundle is None:
            del self.view.bundles[trust_domain]
        else:
            self.view.bundles[trust_domain] = bundle
        return True

    def _replace(self, view: View) -> None:
        before, self.view = self.view, view
        self._tell(
            Applied(
                view.position, bundles=frozenset(before.bundles) | frozenset(view.bundles), everything=True
            )
        )

    def _tell(self, applied: Applied) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        for subscriber in tuple(self._subscribers.values()):
            subscriber(applied)


def by_kind(changes: Iterable[Change]) -> defaultdict[Kind, list[str]]:
    """Keys of each kind, in order."""
    keys: defaultdict[Kind, list[str]] = defaultdict(list)
    for change in changes:
        keys[change.kind].append(change.key)
    return keys
