from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509

from finial.client.pyspiffe import JwtBundle, JwtBundleSet, TrustDomain, X509Bundle, X509BundleSet
from finial.client.pyspiffe.errors import ArgumentError
from finial.errors import Unsupported
from finial.spiffe import bundle as bundles
from finial.spiffe.bundle import JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain as Checked
from finial.testing.ca import TestCa
from finial.testing.jwt import TestJwtKey

CA, KEY = TestCa(), TestJwtKey()
DOMAIN = TrustDomain("example.org")
OURS = bundles.Bundle(
    Checked.parse("example.org"),
    (X509Authority(CA.der),),
    (JwtAuthority(KEY.key_id, KEY.public_key),),
)


def test_an_x509_bundle_holds_certificates() -> None:
    made = X509Bundle.of(OURS)
    assert made.trust_domain == DOMAIN
    assert made.x509_authorities == {CA.certificate}
    assert made == X509Bundle(DOMAIN, {x509.load_der_x509_certificate(CA.der)})
    assert len({made, X509Bundle.of(OURS)}) == 1
    assert made != X509Bundle(DOMAIN, None)


def test_a_jwt_bundle_holds_keys_by_id() -> None:
    made = JwtBundle.of(OURS)
    assert made.jwt_authorities == {KEY.key_id: KEY.private_key.public_key()}
    assert made.get_jwt_authority(KEY.key_id) == KEY.private_key.public_key()
    assert made.get_jwt_authority("other") is None
    assert made == JwtBundle(DOMAIN, made.jwt_authorities)
    assert len({made, JwtBundle.of(OURS)}) == 1
    assert made.checked() is OURS
    with pytest.raises(ArgumentError, match="key_id cannot be empty"):
        made.get_jwt_authority("")


def test_a_set_answers_by_trust_domain() -> None:
    found = bundles.BundleSet.of(OURS)
    x509s, jwts = X509BundleSet.from_set(found, X509Bundle.of), JwtBundleSet.from_set(found, JwtBundle.of)
    assert x509s.get_bundle_for_trust_domain(DOMAIN) == X509Bundle.of(OURS)
    assert jwts.bundles == {JwtBundle.of(OURS)}
    assert jwts.get_bundle_for_trust_domain(TrustDomain("other.test")) is None
    assert X509BundleSet(None).bundles == set()


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (X509Bundle.of(OURS).add_authority, (CA.certificate,)),
        (X509Bundle.of(OURS).remove_authority, (CA.certificate,)),
        (X509Bundle.of(OURS).save, ("file", "PEM")),
        (X509Bundle.load, (DOMAIN, "file", "PEM")),
        (X509Bundle.parse, (DOMAIN, b"")),
        (X509Bundle.parse_raw, (DOMAIN, b"")),
        (JwtBundle.parse, (DOMAIN, b"")),
        (X509BundleSet(None).put, (X509Bundle.of(OURS),)),
    ],
)
def test_what_is_not_offered_says_so(call: Any, given: tuple[Any, ...]) -> None:
    with pytest.raises(Unsupported, match="is not offered"):
        call(*given)
