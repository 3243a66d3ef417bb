"""Credentials and bundles. An edited credential never verifies: only what a key of ours signed does."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
from collections.abc import Iterable

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
KEY = TestJwtKey()
NOW = 1_800_000_000.0
JSON_WORDS = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"null", b"true", b"1e999", b"-1", b"NaN", b'"\\ud800"', b"0.5", b'""',
)  # fmt: skip


@functools.cache
def authority() -> TestCa:
    return TestCa()


@functools.cache
def leaf() -> Issued:
    return authority().intermediate().leaf(dns=("a.example.org",))


@functools.cache
def trust() -> BundleSet:
    keys = (JwtAuthority(KEY.key_id, KEY.public_key, 0),)
    return BundleSet.of(Bundle(EXAMPLE, (X509Authority(authority().der),), keys))


def requests() -> Iterable[bytes]:
    yield csr.create(leaf().private_key, dns_names=("a.example.org",))
    yield csr.create(leaf().private_key, subject=Subject(countries=("US",), more=(("2.5.4.45", "x"),)))


@target("csr", reads=("svid/csr.py", "svid/subject.py", "server/attest.py"), made=requests)
def read_request(data: bytes) -> None:
    request = csr.parse(data)
    load_public_key(request.public_key)
    names = request.names()
    names.subject.name()
    request.check_signature()
    assert request.public_key == csr.parse(next(iter(requests()))).public_key


def certificates() -> Iterable[bytes]:
    yield authority().der
    yield leaf().chain[0]
    yield authority().leaf(uris=("spiffe://a/b", "x509pop://example.org/a/b"), crl_sign=True).chain[0]


@target("certificate", reads=("svid/certificate.py", "svid/x509.py"), made=certificates)
def read_certificate(data: bytes) -> None:
    found = read(data)
    assert found.der == data
    load_public_key(found.public_key)
    x509.parse((data,))


def chains() -> Iterable[bytes]:
    yield b"".join(leaf().chain)
    yield b"".join((*leaf().chain, authority().der))
    yield authority().leaf().chain[0]


@target("x509-chain", reads=("svid/verify.py", "svid/x509.py"), made=chains)
def verify_chain(data: bytes) -> None:
    parts = x509.split_der(data)
    assert b"".join(parts) == data
    found = verify_x509(parts, trust(), authority().now)
    assert found.chain == parts
    assert found.id.member_of(EXAMPLE)
    assert found.id.path == "/workload"


def public_keys() -> Iterable[bytes]:
    yield KEY.public_key


@target("public-key", reads=("svid/certificate.py",), made=public_keys)
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


@target(
    "jwt-parts",
    reads=("svid/jwt.py",),
    words=(*JSON_WORDS, b"\n", b'"alg"', b'"ES256"', b'"kid"', b'"aud"', b'"exp"', b'"sub"'),
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


@target("bundle-document", reads=("spiffe/bundle_document.py",), made=documents, words=DOCUMENT_WORDS)
def read_bundle(data: bytes) -> None:
    found = bundle_document.parse(data, EXAMPLE)
    written = bundle_document.encode(found, refresh_hint=found.refresh_hint or None, with_wit=True)
    assert bundle_document.parse(written, EXAMPLE) == found


@target("jwks", reads=("spiffe/bundle_document.py",), made=documents, words=DOCUMENT_WORDS)
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
)
def read_pem(data: bytes) -> None:
    found = bundle_document.parse_pem(data, EXAMPLE)
    assert bundle_document.parse_pem(bundle_document.encode_pem(found.x509_roots), EXAMPLE) == found
