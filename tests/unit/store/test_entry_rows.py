from __future__ import annotations

from dataclasses import replace

import pytest

from finial.errors import Internal
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundles, entry_rows
from finial.store.engine import Transaction

PARTNER = TrustDomain("partner.test")
ENTRY = Entry(
    "e",
    SpiffeId.parse("spiffe://example.org/w"),
    SpiffeId.parse("spiffe://example.org/n"),
    (Selector("b", "2"), Selector("a", "1")),
    dns_names=("z", "a"),
)


def test_strings_and_numbers_are_never_null_and_attributes_are_when_there_are_none(tx: Transaction) -> None:
    row = dict(zip(entry_rows.NEW_COLUMNS, entry_rows.entry_row(tx, 7, ENTRY), strict=True))
    assert [name for name, value in row.items() if value is None] == ["additional_attributes"]
    with_both = replace(ENTRY, disable_x509_svid_prefetch=True, jwt_svid_include_jti=True)
    assert entry_rows.entry_row(tx, 7, with_both)[-1] == bytes.fromhex("08011001")


def test_children_keep_the_order_of_the_entry(tx: Transaction) -> None:
    entry_rows.insert_children(tx, [(7, ENTRY)])
    assert tx.rows("SELECT type, value FROM selectors ORDER BY id") == [("b", "2"), ("a", "1")]
    assert tx.rows("SELECT value FROM dns_names ORDER BY id") == [("z",), ("a",)]


def test_a_federated_bundle_must_be_there(tx: Transaction) -> None:
    federated = replace(ENTRY, federates_with=(PARTNER,))
    with pytest.raises(Internal) as caught:
        entry_rows.check_federated(federated, entry_rows.bundle_ids(tx, [PARTNER]))
    assert str(caught.value) == 'unable to find federated bundle "spiffe://partner.test"'
    bundles.create(tx, Bundle(PARTNER))
    entry_rows.check_federated(federated, entry_rows.bundle_ids(tx, [PARTNER]))
