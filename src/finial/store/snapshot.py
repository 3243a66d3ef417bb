"""What an index is built from, kept in step by, and checked with: everything, what changed, a part.

Functions over one transaction: each answer is of one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from finial.errors import Unavailable
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.runtime import collector
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import agents, bundles, entries
from finial.store.engine import Transaction
from finial.store.log import Change, Kind, Log
from finial.store.position import Position
from finial.store.rows import Stored


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the index is built from, oldest first: follow `Store.changes` from `position`."""

    entries: list[Stored[Entry]]
    agents: list[Stored[Agent]]
    bundles: list[Stored[Bundle]]
    position: Position


@dataclass(frozen=True, slots=True)
class Bucket:
    """A part of what is stored."""

    entries: dict[str, Stored[Entry]]
    agents: dict[SpiffeId, Stored[Agent]]
    position: Position


@dataclass(frozen=True, slots=True)
class Things:
    """What changed, as it is now; None: it is gone."""

    changes: tuple[Change, ...]
    entries: dict[str, Stored[Entry] | None]
    agents: dict[SpiffeId, Stored[Agent] | None]
    bundles: dict[TrustDomain, Bundle | None]


def load(tx: Transaction, log: Log) -> Snapshot:
    """Raises: Unavailable while the log is not whole."""
    if not log.is_intact(tx):
        raise Unavailable(
            "datastore-sql: triggers of the change log are missing",
            hint="wait for the dump that is being loaded; if there is none, restart: a new history begins",
        )
    with collector.paused():
        return Snapshot(entries.load(tx), agents.load(tx), bundles.load(tx), log.here(tx))


def bucket(tx: Transaction, log: Log, number: int, of: int) -> Bucket:
    """What is in rows whose id leaves `number` when divided by `of`."""
    return Bucket(entries.bucket(tx, number, of), agents.bucket(tx, number, of), log.here(tx))


def things(tx: Transaction, changes: Iterable[Change]) -> Things:
    """Read again, whatever the log says of them. Of kinds that no index is kept of there is no more than the change."""
    named = tuple(changes)
    keys: defaultdict[Kind, list[str]] = defaultdict(list)
    for change in named:
        keys[change.kind].append(change.key)
    entry_ids = keys[Kind.ENTRY]
    agent_ids = [SpiffeId.parse(key) for key in keys[Kind.NODE]]
    domains = [TrustDomain.parse(key) for key in keys[Kind.BUNDLE]]
    found = entries.by_ids(tx, entry_ids) if entry_ids else {}
    nodes = agents.by_ids(tx, agent_ids) if agent_ids else {}
    return Things(
        named,
        {one: found.get(one) for one in entry_ids},
        {one: nodes.get(one) for one in agent_ids},
        {one: bundles.by_trust_domain(tx, one) for one in domains},
    )
