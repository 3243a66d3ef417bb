"""Follows the change log: what is committed, by whomever, comes into the index here and nowhere else.

The log names things by key; each is read again and applied, which is idempotent. Then those who wait for
the position go on, and subscribers hear which agents and bundles are concerned. A log that cannot be
continued (another history) makes a fresh load, told as one large change.
"""

from __future__ import annotations

import asyncio
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
from finial.store import Change, Position, Snapshot, Store, Stored, Things

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
            with self._reloads.measured():
                things, position = await self._store.changed(self.position)
                if position != self.position:
                    self._apply(things, position)

    async def repair(self, changes: Iterable[Change]) -> None:
        """Reads these again, whatever the log says of them. Raises: as the store reads."""
        async with self._applying:
            self._apply(await self._store.things(changes), self.position)

    def _apply(self, things: Things, position: Position) -> None:
        roots: set[Root] = set()
        for entry_id, entry in things.entries.items():
            roots |= self._put_entry(entry_id, entry)
        nodes = {agent_id for agent_id, agent in things.agents.items() if self._put_agent(agent_id, agent)}
        changed = frozenset(one for one, bundle in things.bundles.items() if self._put_bundle(one, bundle))
        self.view.position = position
        concerned = frozenset(self.index.agents_of(roots) | nodes)
        self._tell(Applied(position, concerned, changed, changes=things.changes))

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
