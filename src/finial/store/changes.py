# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""The change log as followers see it: what changed after a position, and waiting for more.

A `Change` names a thing; the follower reads that thing again by its key, and finds it changed, equal or gone.
Each changed thing comes once, however often it changed. Commits of this process wake waiters at once, without
the poll; those of other processes are noticed within its period. A position that this log cannot continue from is
FailedPrecondition: the follower loads everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from finial.errors import Internal
from finial.runtime.clock import Clock
from finial.store.engine import Engine, Transaction
from finial.store.lineage import LOG, here
from finial.store.position import Position, another_history

POLL_PERIOD = 0.2  # seconds; each look costs about 60 us of the loop, day and night


class Kind(StrEnum):
    """What changed; the comment is what its key is."""

    ENTRY = "entry"  # entry ID
    NODE = "node"  # SPIFFE ID
    BUNDLE = "bundle"  # spiffe://trust domain
    FEDERATION = "federation"  # trust domain, bare
    TOKEN = "token"  # noqa: S105 - row ID: the token itself is a secret
    JOURNAL = "journal"  # row ID


@dataclass(frozen=True, slots=True)
class Change:
    kind: Kind
    key: str


class Changes:
    """Made by the store, which calls `woken` after each commit and runs `poll`."""

    def __init__(self, engine: Engine, epoch: bytes) -> None:
        self._engine = engine
        self._epoch = epoch
        self._news = asyncio.Event()
        # Until this event is set there is nothing after this position: it was read up to there.
        self._quiet: tuple[asyncio.Event, Position] | None = None

    async def read(self, after: Position) -> tuple[list[Change], Position]:
        """What changed since, in order of the last change, and the position to go on from.

        Raises: FailedPrecondition for a position that cannot be continued from."""
        news = self._news  # taken before the look, so that what commits after it sets this one
        found, position = await self._engine.read(lambda tx: _read(tx, self._epoch, after))
        self._quiet = news, position
        return found, position

    async def wait(self, after: Position) -> None:
        """Returns once there is something after this position, or may be: `read` tells. Raises: as `read`."""
        news = self._news
        if self._quiet != (news, after) and await self._beyond(after):
            return
        await news.wait()
        self._engine.require_open()

    async def _beyond(self, after: Position) -> bool:
        return await self._engine.read(lambda tx: _checked(tx, self._epoch, after)) > after.id

    async def position(self) -> Position:
        """Where the log stands."""
        return await self._engine.read(lambda tx: here(tx, self._epoch))

    async def trim(self, followers: Iterable[Position]) -> int:
        """Drops the rows of things that are gone and that every follower has seen; how many. A position from
        before the last dropped row is refused from then on."""
        seen = min((one.id for one in followers if one.epoch == self._epoch), default=None)
        return 0 if seen is None else await self._engine.write("changes.trim", lambda tx: _trim(tx, seen))

    def woken(self) -> None:
        """Something may have been committed. On the event loop."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def poll(self, clock: Clock, period: float) -> None:
        """Notices the commits of other processes, until it is cancelled; looks each `period` seconds."""
        version = self._engine.version()
        while True:
            await clock.sleep(period)
            before, version = version, self._engine.version()
            if version != before:
                self.woken()


def _read(tx: Transaction, epoch: bytes, after: Position) -> tuple[list[Change], Position]:
    _checked(tx, epoch, after)
    rows = tx.rows("SELECT id, kind, key FROM finial_changes WHERE id > :id ORDER BY id", id=after.id)
    # Not the last row's: ids that were moved away again would be looked at once more.
    return [Change(Kind(kind), key) for _, kind, key in rows], here(tx, epoch)


def _checked(tx: Transaction, epoch: bytes, after: Position) -> int:
    """The highest id, if everything after this position is in the log."""
    highest = tx.last_id(LOG)
    if after.epoch != epoch or not _floor(tx) <= after.id <= highest:
        raise another_history()
    return highest


def _floor(tx: Transaction) -> int:
    found = tx.row("SELECT value FROM finial_state WHERE name = 'floor'")
    if found is None:
        raise Internal(
            "datastore-sql: the change log has no floor", hint="hand the change log back and restart"
        )
    return int(found[0])


GONE = (
    "id <= :seen AND CASE kind"
    " WHEN 'entry' THEN NOT EXISTS (SELECT 1 FROM registered_entries WHERE entry_id = key)"
    " WHEN 'node' THEN NOT EXISTS (SELECT 1 FROM attested_node_entries WHERE spiffe_id = key)"
    " WHEN 'token' THEN NOT EXISTS (SELECT 1 FROM join_tokens WHERE id = CAST(key AS INTEGER))"
    " WHEN 'journal' THEN NOT EXISTS (SELECT 1 FROM ca_journals WHERE id = CAST(key AS INTEGER))"
    " WHEN 'bundle' THEN NOT EXISTS (SELECT 1 FROM bundles WHERE trust_domain = key)"
    " WHEN 'federation' THEN NOT EXISTS (SELECT 1 FROM federated_trust_domains WHERE trust_domain = key)"
    " ELSE 0 END"
)


def _trim(tx: Transaction, seen: int) -> int:
    found = tx.row(f"SELECT max(id) FROM finial_changes WHERE {GONE}", seen=seen)
    if found is None or found[0] is None:
        return 0
    floor = max(_floor(tx), found[0])
    tx.run("UPDATE finial_state SET value = :floor WHERE name = 'floor'", floor=str(floor))
    return tx.run(f"DELETE FROM finial_changes WHERE {GONE}", seen=seen)
