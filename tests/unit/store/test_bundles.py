from __future__ import annotations

from dataclasses import replace

import pytest

from finial.errors import FailedPrecondition, Internal, NotFound
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundles, entries, entry_creation
from finial.store.bundles import DeleteMode
from finial.store.engine import Transaction
from finial.store.log_sqlite import last_id

A = TrustDomain("a.test")
ONE, TWO = JwtAuthority("one", b"1", 5), JwtAuthority("two", b"2", 6, tainted=True)
BUNDLE = Bundle(A, jwt_authorities=(ONE,), wit_authorities=(TWO,), refresh_hint=60, sequence_number=7)


def test_is_what_was_stored(tx: Transaction) -> None:
    bundles.create(tx, BUNDLE)
    assert bundles.by_trust_domain(tx, A) == BUNDLE
    assert bundles.load(tx) == [(1, BUNDLE)]
    assert bundles.by_trust_domain(tx, TrustDomain("b.test")) is None
    assert tx.rows("SELECT trust_domain FROM bundles") == [("spiffe://a.test",)]


def test_put_makes_or_replaces_with_the_callers_sequence_number(tx: Transaction) -> None:
    bundles.put(tx, BUNDLE)
    bundles.put(tx, replace(BUNDLE, sequence_number=3))
    assert [one.sequence_number for _, one in bundles.load(tx)] == [3]


def test_append_adds_what_is_missing_and_counts(tx: Transaction) -> None:
    assert bundles.append(tx, BUNDLE) == BUNDLE
    appended = bundles.append(tx, Bundle(A, jwt_authorities=(ONE, TWO)))
    assert (appended.jwt_authorities, appended.sequence_number) == ((ONE, TWO), 8)
    before = last_id(tx, "finial_changes")
    assert bundles.append(tx, Bundle(A, jwt_authorities=(TWO,))) == appended
    assert last_id(tx, "finial_changes") == before


def test_change_writes_what_the_function_answers(tx: Transaction) -> None:
    bundles.create(tx, BUNDLE)
    bundles.change(tx, A, lambda one: replace(one, refresh_hint=1))
    assert bundles.load(tx)[0].value.refresh_hint == 1
    before = last_id(tx, "finial_changes")
    bundles.change(tx, A, lambda one: one)
    assert last_id(tx, "finial_changes") == before
    with pytest.raises(NotFound, match="record not found"):
        bundles.change(tx, TrustDomain("b.test"), lambda one: one)


@pytest.fixture
def federated(tx: Transaction) -> None:
    bundles.create(tx, BUNDLE)
    id_ = SpiffeId.parse("spiffe://example.org/w")
    entry_creation.create(tx, [Entry("e", id_, id_, (Selector("a", "b"),), federates_with=(A,))])


@pytest.mark.usefixtures("federated")
def test_delete_is_forbidden_while_entries_federate(tx: Transaction) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        bundles.delete(tx, A, DeleteMode.RESTRICT)
    assert str(caught.value) == "datastore-sql: cannot delete bundle; federated with 1 registration entries"
    assert len(bundles.load(tx)) == 1


@pytest.mark.usefixtures("federated")
def test_delete_with_its_entries_leaves_orphans_as_spire_does(tx: Transaction) -> None:
    bundles.delete(tx, A, DeleteMode.DELETE)
    assert entries.load(tx) == [] and bundles.load(tx) == []
    assert tx.rows("SELECT count(*) FROM selectors") == [(1,)]
    assert tx.rows("SELECT count(*) FROM federated_registration_entries") == [(1,)]
    assert tx.rows("SELECT count(*) FROM registered_entries_events") == [(1,)]  # its creation's


@pytest.mark.usefixtures("federated")
def test_delete_apart_from_its_entries(tx: Transaction) -> None:
    bundles.delete(tx, A, DeleteMode.DISSOCIATE)
    ((_, left),) = entries.load(tx)
    assert (left.federates_with, left.revision_number) == ((), 0)


def test_delete_of_an_unknown_one(tx: Transaction) -> None:
    with pytest.raises(NotFound, match="record not found"):
        bundles.delete(tx, A, DeleteMode.RESTRICT)


def test_a_bundle_under_the_name_of_another_is_damage(tx: Transaction) -> None:
    bundles.create(tx, BUNDLE)
    tx.run("UPDATE bundles SET trust_domain = 'spiffe://b.test'")
    with pytest.raises(Internal, match=r'the bundle of "spiffe://b\.test" is one of "spiffe://a\.test"'):
        bundles.load(tx)
