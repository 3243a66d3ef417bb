from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from finial.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundles, entries, entry_creation, timestamp
from finial.store.engine import Transaction
from finial.store.entries import Refused, Updated
from finial.store.log_sqlite import last_id

NODE = SpiffeId.parse("spiffe://example.org/node")
A, B, C = TrustDomain("a.test"), TrustDomain("b.test"), TrustDomain("c.test")
ENTRY = Entry(
    "e",
    SpiffeId.parse("spiffe://example.org/w"),
    NODE,
    (Selector("a", "1"), Selector("b", "2")),
    federates_with=(A, B),
    dns_names=("one", "two"),
)


@pytest.fixture(autouse=True)
def stored(tx: Transaction) -> None:
    for domain in (A, B, C):
        bundles.create(tx, Bundle(domain))
    entry_creation.create(tx, [ENTRY, replace(ENTRY, id="other", spiffe_id=NODE)])
    tx.run("DELETE FROM registered_entries_events")


def changed(tx: Transaction, how: Callable[[Entry], Entry]) -> Entry:
    (answer,) = entries.update(tx, [("e", how)])
    assert isinstance(answer, Updated)
    return answer.entry


def test_reads_by_id_and_leaves_out_what_is_not_there(tx: Transaction) -> None:
    assert set(entries.by_ids(tx, ["e", "none"])) == {"e"}
    assert entries.by_id(tx, "none") is None
    assert [(row, one.id) for row, one in entries.load(tx)] == [(1, "e"), (2, "other")]


def test_an_update_is_what_is_read_then_with_a_higher_revision(tx: Transaction) -> None:
    answer = changed(
        tx,
        lambda one: replace(
            one, selectors=(Selector("c", "3"),), dns_names=("two", "three"), federates_with=(C, B), hint="x"
        ),
    )
    assert answer == entries.by_id(tx, "e")
    assert (answer.revision_number, answer.federates_with, answer.hint) == (1, (B, C), "x")
    assert tx.rows("SELECT entry_id FROM registered_entries_events") == [("e",)]


def test_an_update_writes_selectors_again_and_only_the_difference_of_bundles(tx: Transaction) -> None:
    before = last_id(tx, "selectors")
    changed(tx, lambda one: replace(one, federates_with=(B, C)))
    assert tx.rows("SELECT id FROM selectors WHERE registered_entry_id = 1 ORDER BY id") == [
        (before + 1,),
        (before + 2,),
    ]
    rows = "SELECT bundle_id FROM federated_registration_entries WHERE registered_entry_id = 1 ORDER BY rowid"
    assert tx.rows(rows) == [(2,), (3,)]


def test_an_update_cannot_change_identity_or_history(tx: Transaction) -> None:
    answer = changed(tx, lambda one: replace(one, id="z", created_at=1, revision_number=77))
    assert (answer.id, answer.created_at, answer.revision_number) == ("e", timestamp.nearest_unix(tx.now), 1)
    assert tx.rows("SELECT created_at FROM registered_entries WHERE id = 1") == [(tx.now,)]


def test_each_update_has_its_own_answer(tx: Transaction) -> None:
    def denied(_: Entry) -> Entry:
        raise PermissionDenied("no")

    answers = entries.update(
        tx,
        [
            ("none", lambda one: one),
            ("e", lambda one: replace(one, selectors=())),
            ("e", lambda one: replace(one, dns_names=("d", "d"))),
            ("e", denied),
            ("other", lambda one: replace(one, hint="y")),
        ],
    )
    kinds = [type(answer.error) for answer in answers if isinstance(answer, Refused)]
    assert kinds == [NotFound, InvalidArgument, AlreadyExists, PermissionDenied]
    assert entries.by_id(tx, "e") == replace(ENTRY, created_at=timestamp.nearest_unix(tx.now))
    assert isinstance(answers[4], Updated) and answers[4].entry.hint == "y"


def test_deleting_answers_what_was_there_and_leaves_nothing(tx: Transaction) -> None:
    gone = entries.delete(tx, ["e", "none", "e"])
    assert [one and one.id for one in gone] == ["e", None, None]
    for table in ("selectors", "dns_names", "federated_registration_entries"):
        assert tx.rows(f"SELECT count(*) FROM {table} WHERE registered_entry_id = 1") == [(0,)]
    assert tx.rows("SELECT entry_id FROM registered_entries_events") == [("e",)]


def test_pruning_takes_what_expired_before(tx: Transaction) -> None:
    for id_, expiry in (("past", 99), ("just", 100), ("never", 0)):
        entry_creation.create(
            tx, [replace(ENTRY, id=id_, spiffe_id=replace(NODE, path=f"/{id_}"), expires_at=expiry)]
        )
    assert [one.id for one in entries.prune(tx, 100)] == ["past"]


def test_orphans_of_entries_that_are_gone_are_not_read(tx: Transaction) -> None:
    tx.run("DELETE FROM registered_entries WHERE entry_id = 'e'")
    assert [one.id for _, one in entries.load(tx)] == ["other"]
