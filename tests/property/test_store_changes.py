"""Whatever is done to the database, a follower that re-reads what the log names holds what is in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from finial.errors import FinialError
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import agents, bundles, entries, entry_creation, schema, triggers
from finial.store.bundles import DeleteMode
from finial.store.dialect import SQLITE
from finial.store.engine import Transaction
from finial.store.engine_sqlite import SqliteTransaction
from finial.store.log import Kind

OWN = TrustDomain("example.org")
DOMAINS = [TrustDomain("a.test"), TrustDomain("b.test")]
NODES = [SpiffeId(OWN, f"/spire/agent/join_token/{name}") for name in "pq"]
SELECTORS = st.lists(st.sampled_from([Selector("a", "1"), Selector("b", "2")]), min_size=1, max_size=2)

Step = Callable[[Transaction], object]


@st.composite
def entry(draw: st.DrawFn) -> Entry:
    id_ = draw(st.sampled_from("vwxyz"))
    node = draw(st.sampled_from(NODES))
    selectors = draw(st.one_of(SELECTORS, st.just([Selector("spiffe_id", str(node))])))
    federated = draw(st.lists(st.sampled_from(DOMAINS), max_size=2))
    expires = draw(st.sampled_from([0, 5, 50]))
    path = SpiffeId(OWN, draw(st.sampled_from(["/one", "/two"])))
    return Entry(id_, path, node, tuple(selectors), federates_with=tuple(federated), expires_at=expires)


def steps() -> st.SearchStrategy[Step]:
    def step(make: Callable[..., Step], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
        return st.builds(make, *arguments)

    domain, node = st.sampled_from(DOMAINS), st.sampled_from(NODES)
    return st.one_of(
        step(lambda many: lambda tx: entry_creation.create(tx, many), st.lists(entry(), max_size=4)),
        step(
            lambda one: lambda tx: entries.update(tx, [(one.id, lambda _: replace(one, dns_names=("d",)))]),
            entry(),
        ),
        step(lambda ids: lambda tx: entries.delete(tx, ids), st.lists(st.sampled_from("vwxyz"), max_size=2)),
        step(lambda now: lambda tx: entries.prune(tx, now), st.sampled_from([6, 60])),
        step(
            lambda one, hint: lambda tx: bundles.put(tx, Bundle(one, refresh_hint=hint)),
            domain,
            st.integers(0, 3),
        ),
        step(
            lambda one, mode: lambda tx: bundles.delete(tx, one, mode),
            domain,
            st.sampled_from(list(DeleteMode)),
        ),
        step(
            lambda one, chosen: (
                lambda tx: agents.put(tx, Agent(one, "join_token", "1", 5, selectors=tuple(chosen)))
            ),
            node,
            SELECTORS,
        ),
        step(lambda one: lambda tx: agents.set_renewal(tx, one, "2", 9), node),
        step(lambda one: lambda tx: agents.activate_serial(tx, one, "2"), node),
        step(lambda one: lambda tx: agents.ban(tx, one), node),
        step(lambda one: lambda tx: agents.delete(tx, one), node),
    )


class Follower:
    """An index that knows only what the log names."""

    def __init__(self) -> None:
        self.seen = 0
        self.entries: dict[str, Entry] = {}
        self.agents: dict[str, Agent] = {}
        self.bundles: dict[str, Bundle] = {}

    def follow(self, tx: Transaction) -> None:
        rows = tx.rows("SELECT id, kind, key FROM finial_changes WHERE id > :id ORDER BY id", id=self.seen)
        for id_, kind, key in rows:
            self.seen = id_
            if kind == Kind.ENTRY:
                put(self.entries, key, entries.by_id(tx, key))
            elif kind == Kind.NODE:
                put(self.agents, key, agents.by_id(tx, SpiffeId.parse(key)))
            elif kind == Kind.BUNDLE:
                put(self.bundles, key, bundles.by_trust_domain(tx, TrustDomain.parse(key)))

    def holds_all_of(self, tx: Transaction) -> None:
        assert self.entries == {one.id: one for _, one in entries.load(tx)}
        assert self.agents == {str(one.id): one for _, one in agents.load(tx)}
        assert self.bundles == {one.trust_domain.uri: one for _, one in bundles.load(tx)}


def put(index: dict[str, Any], key: str, value: object) -> None:
    if value is None:
        index.pop(key, None)
    else:
        index[key] = value


@settings(deadline=None)
@given(st.lists(st.lists(steps(), max_size=3), max_size=8))
def test_a_follower_holds_what_is_stored(rounds: list[list[Step]]) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in (*schema.statements(SQLITE), *triggers.statements()):
            connection.execute(statement)
        tx = SqliteTransaction(connection, "test", "2026-11-21 08:31:39+00:00", 1795249899)
        follower = Follower()
        for steps_of_round in rounds:
            for step in steps_of_round:
                answer = tx.attempt(lambda step=step: step(tx))  # type: ignore[misc]
                assert answer is None or isinstance(answer, FinialError | list | Bundle | Agent)
            follower.follow(tx)
            follower.holds_all_of(tx)
    finally:
        connection.close()
