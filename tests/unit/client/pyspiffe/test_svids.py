from __future__ import annotations

from typing import Any

import pytest

from finial.client.identity import Identity
from finial.client.pyspiffe import JwtBundle, JwtSvid, TrustDomain, X509Svid
from finial.client.pyspiffe.errors import ArgumentError, InvalidTokenError
from finial.errors import Unsupported
from finial.runtime.clock import SystemClock
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.trust_domain import TrustDomain as Checked
from finial.svid import jwt, x509
from finial.testing.ca import TestCa
from finial.testing.jwt import TestJwtKey

KEY = TestJwtKey()
WEB = "spiffe://example.org/web"
BUNDLE = JwtBundle.of(Bundle(Checked.parse("example.org"), (), (JwtAuthority(KEY.key_id, KEY.public_key),)))


def test_an_x509_svid_holds_objects_of_cryptography() -> None:
    issued = TestCa().intermediate().leaf("/web")
    made = X509Svid.of(Identity(x509.parse(issued.chain), issued.key))
    assert made.spiffe_id == WEB
    assert [made.leaf, *made.cert_chain[1:]] == made.cert_chain
    assert len(made.cert_chain) == 2
    assert made.private_key.private_numbers() == issued.private_key.private_numbers()
    with pytest.raises(ArgumentError, match="cert_chain cannot be empty"):
        X509Svid(made.spiffe_id, [], made.private_key)


def test_a_jwt_svid_tells_what_its_token_says() -> None:
    token = KEY.sign(WEB, ["one", "two"], SystemClock().unix())
    made = JwtSvid.of(jwt.parse_unverified(token))
    assert (str(made.spiffe_id), made.audience, made.token) == (WEB, {"one", "two"}, token)
    assert made.expiry == jwt.parse_unverified(token).expires_at
    assert JwtSvid(made.spiffe_id, "one", 1, {}, "t").audience == {"one"}


def test_a_token_is_validated_by_the_bundle_of_its_own_domain() -> None:
    token = KEY.sign(WEB, ["one"], SystemClock().unix())
    assert JwtSvid.parse_and_validate(token, BUNDLE, {"one"}).spiffe_id == WEB
    with pytest.raises(InvalidTokenError, match="expected audience"):
        JwtSvid.parse_and_validate(token, BUNDLE, {"other"})
    with pytest.raises(InvalidTokenError, match="no bundle found for trust domain"):
        other = JwtBundle(TrustDomain("other.test"), {})
        JwtSvid.parse_and_validate(token, other, {"one"})
    with pytest.raises(ArgumentError, match="token cannot be empty"):
        JwtSvid.parse_and_validate("", BUNDLE, {"one"})


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (X509Svid.load, ("chain", "key", "PEM")),
        (X509Svid.parse, (b"", b"")),
        (X509Svid.parse_raw, (b"", b"")),
        (JwtSvid.parse_insecure, ("token", {"one"})),
    ],
)
def test_what_is_not_offered_says_so(call: Any, given: tuple[Any, ...]) -> None:
    with pytest.raises(Unsupported, match="is not offered"):
        call(*given)
