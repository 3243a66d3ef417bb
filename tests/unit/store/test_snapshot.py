"""Each answer is of one transaction; here of one that has not even ended."""

from __future__ import annotations

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import agents, bundles, entries, entry_creation, snapshot
from finial.store.engine import Transaction
from finial.store.log import Change, Kind
from finial.store.log_sqlite import SqliteLog

NODE = SpiffeId.parse("spiffe://example.org/spire/agent/t/1")
DOMAIN, GONE = TrustDomain("example.org"), TrustDomain("gone.test")
ENTRY = Entry("e", SpiffeId.parse("spiffe://example.org/w"), NODE, (Selector("a", "1"),))
LOG = SqliteLog()


def fill(tx: Transaction) -> None:
    bundles.create(tx, Bundle(DOMAIN))
    agents.put(tx, Agent(NODE, "t", "1", 2_000_000_000))
    entry_creation.create(tx, [ENTRY])


def test_everything_with_the_position_that_it_stands_at(tx: Transaction) -> None:
    fill(tx)
    found = snapshot.load(tx, LOG)
    assert [one.value.id for one in found.entries] == ["e"]
    assert [one.value.id for one in found.agents] == [NODE]
    assert [one.value.trust_domain for one in found.bundles] == [DOMAIN]
    assert found.position == LOG.here(tx)
    assert found.position.id > 0


def test_a_bucket_has_the_rows_of_its_number(tx: Transaction) -> None:
    fill(tx)
    full, empty = snapshot.bucket(tx, LOG, 1, 2), snapshot.bucket(tx, LOG, 0, 2)
    assert (set(full.entries), set(full.agents)) == ({"e"}, {NODE})
    assert (empty.entries, empty.agents) == ({}, {})


def test_what_changed_is_read_again_or_gone_in_the_order_told(tx: Transaction) -> None:
    fill(tx)
    told = [
        Change(Kind.ENTRY, "none"),
        Change(Kind.ENTRY, "e"),
        Change(Kind.NODE, str(NODE)),
        Change(Kind.TOKEN, "1"),
        Change(Kind.BUNDLE, GONE.uri),
        Change(Kind.BUNDLE, DOMAIN.uri),
    ]
    found = snapshot.things(tx, told)
    assert list(found.changes) == told
    assert list(found.entries.items()) == [("none", None), ("e", entries.by_ids(tx, ["e"])["e"])]
    assert found.agents == agents.by_ids(tx, [NODE])
    assert list(found.bundles.items()) == [(GONE, None), (DOMAIN, Bundle(DOMAIN))]


def test_nothing_changed_reads_nothing(tx: Transaction) -> None:
    assert snapshot.things(tx, []) == snapshot.Things((), {}, {}, {})
