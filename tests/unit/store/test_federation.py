from __future__ import annotations

from dataclasses import replace

import pytest

from finial.errors import NotFound
from finial.registry.federation import HTTPS_SPIFFE, HTTPS_WEB, FederationRelationship
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundles, federation
from finial.store.engine import Transaction

A = TrustDomain("a.test")
WEB = FederationRelationship(A, "https://a.test/", HTTPS_WEB)
SPIFFE = replace(WEB, bundle_endpoint_profile=HTTPS_SPIFFE, endpoint_spiffe_id=SpiffeId(A, "/endpoint"))


@pytest.mark.parametrize("made", [WEB, SPIFFE])
def test_is_what_was_stored(tx: Transaction, made: FederationRelationship) -> None:
    federation.create(tx, made)
    assert federation.by_trust_domain(tx, A) == made
    assert federation.load(tx) == [made]
    assert tx.rows("SELECT trust_domain, implicit FROM federated_trust_domains") == [("a.test", 0)]


def test_its_first_bundle_is_stored_with_it_and_stays(tx: Transaction) -> None:
    federation.create(tx, WEB, Bundle(A, refresh_hint=1))
    federation.update(tx, WEB, Bundle(A, refresh_hint=2))
    federation.delete(tx, A)
    assert federation.load(tx) == []
    assert bundles.load(tx) == [(1, Bundle(A, refresh_hint=2))]


def test_going_back_to_https_web_leaves_the_endpoint_id_unread(tx: Transaction) -> None:
    federation.create(tx, SPIFFE)
    federation.update(tx, WEB)
    assert federation.load(tx) == [WEB]
    assert tx.rows("SELECT endpoint_spiffe_id FROM federated_trust_domains") == [
        ("spiffe://a.test/endpoint",)
    ]


def test_an_unknown_one_is_not_found(tx: Transaction) -> None:
    assert federation.by_trust_domain(tx, A) is None
    with pytest.raises(NotFound, match="record not found"):
        federation.update(tx, WEB)
    with pytest.raises(NotFound, match="record not found"):
        federation.delete(tx, A)
