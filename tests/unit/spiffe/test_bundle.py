"""Bundles: what is appended, in which order, and when the sequence number moves."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.bundle import Bundle, BundleSet, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain

DOMAIN = TrustDomain("example.org")
OLD = Bundle(
    DOMAIN,
    (X509Authority(b"a", tainted=True),),
    (JwtAuthority("k1", b"p1", 10),),
    (JwtAuthority("w1", b"q1"),),
    refresh_hint=5,
    sequence_number=3,
)


def test_missing_authorities_are_added_at_the_end() -> None:
    more = Bundle(
        DOMAIN,
        (X509Authority(b"b"), X509Authority(b"a"), X509Authority(b"b")),
        (JwtAuthority("k2", b"p2"), JwtAuthority("k1", b"other")),
        (JwtAuthority("w2", b"q2"),),
        refresh_hint=60,
        sequence_number=99,
    )
    assert OLD.appended(more) == Bundle(
        DOMAIN,
        (X509Authority(b"a", tainted=True), X509Authority(b"b")),
        (JwtAuthority("k1", b"p1", 10), JwtAuthority("k2", b"p2")),
        (JwtAuthority("w1", b"q1"), JwtAuthority("w2", b"q2")),
        refresh_hint=5,
        sequence_number=4,
    )


@pytest.mark.parametrize(
    "other", [Bundle(DOMAIN), Bundle(DOMAIN, (X509Authority(b"a"),), sequence_number=9), OLD]
)
def test_nothing_missing_changes_nothing(other: Bundle) -> None:
    assert OLD.appended(other) is OLD


def test_other_trust_domain_is_refused() -> None:
    with pytest.raises(InvalidArgument, match='bundle of "other.test" cannot be appended'):
        OLD.appended(Bundle(TrustDomain("other.test")))


def test_look_ups() -> None:
    assert OLD.x509_roots == (b"a",)
    assert OLD.jwt_authority("k1") == OLD.jwt_authorities[0]
    assert OLD.jwt_authority("w1") is None
    bundles = BundleSet.of(OLD)
    assert bundles.get(DOMAIN) is OLD and bundles.get(TrustDomain("other.test")) is None
    assert len(bundles) == 1 and len(BundleSet()) == 0
