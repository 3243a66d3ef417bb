"""Signing JWT-SVIDs: bytes as Go writes them, caps, and our own verifier."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.authority.jwt import JwtIssuer, JwtKey, new_key_id
from finial.authority.policy import Policy
from finial.errors import Internal
from finial.plugin.kinds import PrivateKey
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, BundleSet
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import jwt

NOW = datetime(2026, 11, 25, 12, 0, 0, 999_999, tzinfo=UTC)
UNIX = int(NOW.timestamp())
POLICY = Policy(trust_domain=TrustDomain("example.org"))
KEY = JwtKey("kid", ec.generate_private_key(ec.SECP256R1()), NOW + timedelta(hours=24))
ENTRY = Entry("e", SpiffeId.parse("spiffe://example.org/w"), SpiffeId.parse("spiffe://example.org/n"), ())
OTHERS: list[tuple[PrivateKey, str]] = [
    (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    (rsa.generate_private_key(65537, 2048), "RS256"),
]


def parts(token: str) -> tuple[bytes, bytes]:
    header, claims, _ = token.split(".")
    return base64.urlsafe_b64decode(header + "=="), base64.urlsafe_b64decode(claims + "==")


def test_bytes_of_header_and_claims() -> None:
    svid = JwtIssuer(KEY, POLICY).sign(POLICY.workload_jwt(ENTRY, ["a"]), NOW)
    header, claims = parts(svid.token)
    assert header == b'{"alg":"ES256","kid":"kid","typ":"JWT"}'
    assert claims == b'{"aud":["a"],"exp":%d,"iat":%d,"sub":"spiffe://example.org/w"}' % (UNIX + 300, UNIX)


def test_issuer_and_jti_stand_between_the_recorded_claims() -> None:
    policy = replace(POLICY, jwt_issuer="https://issuer.test")
    entry = replace(ENTRY, jwt_svid_include_jti=True, jwt_svid_ttl=120)
    made = JwtIssuer(KEY, policy)
    tokens = [made.sign(policy.workload_jwt(entry, ["b", "a"]), NOW).token for _ in range(2)]
    claims = [json.loads(parts(token)[1]) for token in tokens]
    assert list(claims[0]) == ["aud", "exp", "iat", "iss", "jti", "sub"]
    assert claims[0]["iss"] == "https://issuer.test" and claims[0]["exp"] - claims[0]["iat"] == 120
    assert claims[0]["aud"] == ["b", "a"] and claims[0]["jti"] != claims[1]["jti"]
    assert len(base64.urlsafe_b64decode(claims[0]["jti"] + "==")) == 16


@pytest.mark.parametrize(("private", "algorithm"), [(KEY.private_key, "ES256"), *OTHERS])
def test_our_verifier_finds_what_was_signed(private: PrivateKey, algorithm: str) -> None:
    key = JwtKey("kid", private, NOW + timedelta(hours=24))
    svid = JwtIssuer(key, POLICY).sign(POLICY.workload_jwt(ENTRY, ["a"]), NOW)
    assert svid.algorithm == algorithm
    bundles = BundleSet.of(Bundle(TrustDomain("example.org"), jwt_authorities=(key.authority,)))
    assert jwt.verify(svid.token, bundles, "a", UNIX) == svid


def test_no_token_outlives_its_key() -> None:
    checked = POLICY.mint_jwt(ENTRY.spiffe_id, ["a"], 864_000)
    svid = JwtIssuer(KEY, POLICY).sign(checked, NOW)
    assert svid.expires_at - UNIX == 86_400
    with pytest.raises(Internal, match="JWT key expired at"):
        JwtIssuer(KEY, POLICY).sign(POLICY.workload_jwt(ENTRY, ["a"]), KEY.not_after)


def test_record_and_authority() -> None:
    record = KEY.record("A", UNIX)
    assert (record.key_id, record.authority_id, record.slot_id) == ("kid", "kid", "A")
    assert record.not_after - record.issued_at == 86_400
    authority = KEY.authority
    assert (authority.key_id, authority.public_key, authority.expires_at) == (
        "kid",
        record.public_key,
        record.not_after,
    )


def test_key_ids_are_32_letters_and_digits() -> None:
    made = {new_key_id() for _ in range(50)}
    assert len(made) == 50 and all(len(one) == 32 and one.isalnum() and one.isascii() for one in made)
