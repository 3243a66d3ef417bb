from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from finial.errors import FinialError
from finial.lab.forgery import forge
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.id import SpiffeId
from finial.svid import x509
from finial.svid.verify import verify_x509
from finial.testing.ca import TestCa

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WANTED = SpiffeId.parse("spiffe://example.org/ns/production/sa/user-service")


def bundles(der: bytes) -> BundleSet:
    return BundleSet({WANTED.trust_domain: Bundle(WANTED.trust_domain, (X509Authority(der),))})


def test_a_forged_svid_is_right_in_all_but_its_ca() -> None:
    forged = forge(WANTED, NOW)
    assert x509.parse(forged.chain).id == WANTED
    assert verify_x509(forged.chain[:1], bundles(forged.chain[1]), NOW + timedelta(minutes=1)).id == WANTED


def test_nobody_else_vouches_for_it() -> None:
    with pytest.raises(FinialError):
        verify_x509(forge(WANTED, NOW).chain, bundles(TestCa(now=NOW).der), NOW + timedelta(minutes=1))


def test_its_key_is_in_no_repr() -> None:
    assert "key" not in repr(forge(WANTED, NOW))
