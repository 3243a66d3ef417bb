"""Credentials and bundles. An edited credential never verifies: only what a key of ours signed does."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.fuzz.mutate.der import by_der
from tests.fuzz.mutate.json import by_json
from tests.fuzz.mutate.pem import by_pem
from tests.fuzz.target import target, text_of

from finial.errors import FinialError
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, BundleSet, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr, jwt, x509
from finial.svid.certificate import load_public_key, read
from finial.svid.subject import Subject
from finial.svid.verify import verify_x509
from finial.testing.ca import Issued, TestCa
from finial.testing.jwt import TestJwtKey

EXAMPLE = TrustDomain("example.org")
NOW = 1_800_000_000.0
SIGNED_AT = datetime.fromtimestamp(NOW, UTC)
KEY = TestJwtKey(private_key=ec.derive_private_key(4, ec.SECP256R1()))
JSON_WORDS = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"null", b"true", b"1e999", b"-1", b"NaN", b'"\\ud800"', b"0.5", b'""',
)  # fmt: skip


def key_of(number: int) -> ec.EllipticCurvePrivateKey:
    """The same in each process: what was kept by one is signed by a key that the next one knows."""
    return ec.derive_private_key(number, ec.SECP256R1())


@functools.cache
def authority() -> TestCa:
    return TestCa(now=SIGNED_AT, private_key=key_of(1))


@functools.cache
def leaf() -> Issued:
    issuer = TestCa(name="intermediate", now=SIGNED_AT, issuer=authority(), private_key=key_of(2))
    return issuer.leaf(dns=("a.example.org",), private_key=key_of(3))


@functools.cache
def trust() -> BundleSet:
    keys = (JwtAuthority(KEY.key_id, KEY.public_key, 0),)
    return BundleSet.of(Bundle(EXAMPLE, (X509Authority(authority().der),), keys))


def requests() -> Iterable[bytes]:
    yield csr.create(leaf().private_key, dns_names=("a.example.org",))
    yield csr.create(leaf().private_key, subject=Subject(countries=("US",), more=(("2.5.4.45", "x"),)))


@target("csr", reads=("svid/csr.py", "svid/subject.py", "server/attest.py"), made=requests, mutate=by_der)
def read_request(data: bytes) -> None:
    request = csr.parse(data)
    load_public_key(request.public_key)
    names = request.names()
    names.subject.name()
    request.check_signature()
    held = leaf().private_key.public_key()
    assert request.public_key == held.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def certificates() -> Iterable[bytes]:
    yield authority().der
    yield leaf().chain[0]
    yield authority().leaf(uris=("spiffe://a/b", "x509pop://example.org/a/b"), crl_sign=True).chain[0]


@target("certificate", reads=("svid/certificate.py", "svid/x509.py"), made=certificates, mutate=by_der)
def read_certificate(data: bytes) -> None:
    found = read(data)
    assert found.der == data
    load_public_key(found.public_key)
    x509.parse((data,))


def chains() -> Iterable[bytes]:
    yield b"".join(leaf().chain)
    yield b"".join((*leaf().chain, authority().der))
    yield authority().leaf().chain[0]


@target("x509-chain", reads=("svid/verify.py", "svid/x509.py"), made=chains, mutate=by_der)
def verify_chain(data: bytes) -> None:
    parts = x509.split_der(data)
    assert b"".join(parts) == data
    found = verify_x509(parts, trust(), authority().now)
    assert found.chain == parts
    assert found.id.member_of(EXAMPLE)
    assert found.id.path == "/workload"


def public_keys() -> Iterable[bytes]:
    yield KEY.public_key


@target("public-key", reads=("svid/certificate.py",), made=public_keys, mutate=by_der)
def read_public_key(data: bytes) -> None:
    load_public_key(data)


def tokens() -> Iterable[bytes]:
    yield KEY.sign("spiffe://example.org/workload", ["a"], NOW).encode()
    yield KEY.sign("spiffe://example.org/workload", ["a", "b"], NOW, nbf=0.5, jti="x", iss="y").encode()
    yield KEY.sign("spiffe://example.org/workload", ["a"], NOW, exp=None).encode()


@target("jwt-svid", reads=("svid/jwt.py",), made=tokens, words=(b".", b"eyJ", b"=", b"-", b"_", b"e30"))
def read_token(data: bytes) -> None:
    token = text_of(data)
    parsed = jwt.parse_unverified(token)
    assert parsed.audience and parsed.key_id
    found = jwt.verify(token, trust(), "a", NOW)
    assert str(found.id) == "spiffe://example.org/workload"
    assert any(signed_part(data) == signed_part(one) for one in tokens())


def signed_part(token: bytes) -> bytes:
    return token.rsplit(b".", 1)[0]


by_part = by_json(
    ("alg", "kid", "typ", "crit", "b64", "aud", "exp", "sub", "iat", "nbf", "jti", "iss"),
    (
        "ES256",
        "RS256",
        "none",
        "HS256",
        "JWT",
        "JOSE",
        "test-key",
        "a",
        ["a", "b"],
        NOW,
        NOW - 1e6,
        "spiffe://example.org/web",
    ),
)


def by_parts(data: bytes, chance: random.Random) -> bytes:
    header, _, claims = data.partition(b"\n")
    if chance.random() < 0.5:
        return by_part(header, chance) + b"\n" + claims
    return header + b"\n" + by_part(claims, chance)


@target(
    "jwt-parts",
    reads=("svid/jwt.py",),
    words=(*JSON_WORDS, b"\n", b'"alg"', b'"ES256"', b'"kid"', b'"aud"', b'"exp"', b'"sub"'),
    mutate=by_parts,
)
def read_token_parts(data: bytes) -> None:
    """Header and claims, one a line, packed as a token would hold them."""
    header, _, claims = data.partition(b"\n")
    token = f"{base64url(header)}.{base64url(claims)}.AAAA"
    with contextlib.suppress(FinialError):
        jwt.verify(token, trust(), "a", NOW)
        raise AssertionError("a token that nobody signed was believed")
    jwt.parse_unverified(token)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def documents() -> Iterable[bytes]:
    bundle = trust().bundles[EXAMPLE]
    yield bundle_document.encode(bundle, refresh_hint=300)
    yield bundle_document.jwks(bundle)
    rsa = {"kty": "RSA", "use": "jwt-svid", "kid": "r", "n": "uw" * 170 + "uw", "e": "AQAB"}
    yield json.dumps({"keys": [rsa], "spiffe_sequence": 1}).encode()


DOCUMENT_WORDS = (
    *JSON_WORDS,
    b'"use"',
    b'"x5c"',
    b'"kty"',
    b'"crv"',
    b'"jwt-svid"',
    b'"x509-svid"',
    b'"wit-svid"',
)


by_document = by_json(
    (
        "keys",
        "use",
        "kty",
        "crv",
        "kid",
        "x",
        "y",
        "n",
        "e",
        "d",
        "x5c",
        "spiffe_sequence",
        "spiffe_refresh_hint",
    ),
    ("jwt-svid", "x509-svid", "wit-svid", "EC", "RSA", "OKP", "P-256", "P-521", "secp256k1", "AQAB", 2**64),
)


@target(
    "bundle-document",
    reads=("spiffe/bundle_document.py",),
    made=documents,
    words=DOCUMENT_WORDS,
    mutate=by_document,
)
def read_bundle(data: bytes) -> None:
    found = bundle_document.parse(data, EXAMPLE)
    written = bundle_document.encode(found, refresh_hint=found.refresh_hint or None, with_wit=True)
    assert bundle_document.parse(written, EXAMPLE) == found


@target(
    "jwks", reads=("spiffe/bundle_document.py",), made=documents, words=DOCUMENT_WORDS, mutate=by_document
)
def read_key_set(data: bytes) -> None:
    found = bundle_document.parse_jwks(data, EXAMPLE)
    assert bundle_document.parse_jwks(bundle_document.jwks(found), EXAMPLE) == found


def pems() -> Iterable[bytes]:
    yield bundle_document.encode_pem([authority().der, leaf().chain[1]])


@target(
    "bundle-pem",
    reads=("spiffe/bundle_document.py",),
    made=pems,
    words=(b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"\n", b"=", b" " * 4096),
    longest=65536,
    mutate=by_pem,
)
def read_pem(data: bytes) -> None:
    found = bundle_document.parse_pem(data, EXAMPLE)
    assert bundle_document.parse_pem(bundle_document.encode_pem(found.x509_roots), EXAMPLE) == found
