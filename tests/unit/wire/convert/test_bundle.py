"""Bundles of requests: what SPIRE 1.15 answered; what an update sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.errors import InvalidArgument
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.bundle import bundle_from_request, bundle_from_wire, bundle_to_wire, updated_bundle
from finial.wire.pb.spire.api.types import bundle_pb2 as pb

A_TEST = TrustDomain.parse("a.test")
START = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def public_key() -> bytes:
    return key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def certificate(serial: int = 1) -> bytes:
    name = x509.Name([])
    builder = x509.CertificateBuilder(
        name, name, key().public_key(), serial, START, START + timedelta(days=1)
    )
    return builder.sign(key(), hashes.SHA256()).public_bytes(Encoding.DER)


def test_request_is_taken_without_marks_and_wit_keys() -> None:
    message = pb.Bundle(
        trust_domain="spiffe://a.test",
        x509_authorities=[pb.X509Certificate(asn1=certificate(), tainted=True)],
        jwt_authorities=[pb.JWTKey(public_key=public_key(), key_id="k", expires_at=9, tainted=True)],
        wit_authorities=[pb.WITKey(public_key=public_key(), key_id="w")],
        refresh_hint=60,
        sequence_number=7,
    )
    assert bundle_from_request(message) == Bundle(
        A_TEST,
        (X509Authority(certificate()),),
        (JwtAuthority("k", public_key(), 9),),
        refresh_hint=60,
        sequence_number=7,
    )


def test_answer_is_taken_whole() -> None:
    bundle = Bundle(
        A_TEST,
        (X509Authority(certificate(), tainted=True),),
        wit_authorities=(JwtAuthority("w", public_key(), tainted=True),),
    )
    assert bundle_from_wire(bundle_to_wire(bundle)) == bundle


def test_certificates_on_end_become_authorities_of_their_own() -> None:
    joined = pb.X509Certificate(asn1=certificate(1) + certificate(2))
    found = bundle_from_request(pb.Bundle(trust_domain="a.test", x509_authorities=[joined]))
    assert found.x509_roots == (certificate(1), certificate(2))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (pb.Bundle(), "invalid trust domain: trust domain is missing"),
        (
            pb.Bundle(trust_domain="a.test", x509_authorities=[pb.X509Certificate(asn1=b"nonsense")]),
            "unable to parse X.509 authority: x509: malformed certificate",
        ),
        (
            pb.Bundle(trust_domain="a.test", x509_authorities=[pb.X509Certificate()]),
            "unable to parse X.509 authority: x509: malformed certificate",
        ),
        (
            pb.Bundle(trust_domain="a.test", x509_authorities=[pb.X509Certificate(asn1=b"\x30\x02\x05\x00")]),
            "unable to parse X.509 authority: x509: malformed certificate",
        ),
        (
            pb.Bundle(trust_domain="a.test", jwt_authorities=[pb.JWTKey(key_id="k")]),
            "unable to parse JWT authority: asn1: syntax error: sequence truncated",
        ),
        (
            pb.Bundle(trust_domain="a.test", jwt_authorities=[pb.JWTKey(key_id="k", public_key=b"no")]),
            "unable to parse JWT authority: asn1: structure error: not a public key",
        ),
    ],
)
def test_faulty_bundle_is_refused_in_spires_words(message: pb.Bundle, why: str) -> None:
    with pytest.raises(InvalidArgument) as found:
        bundle_from_request(message)
    assert str(found.value) == why


def test_key_without_an_id_is_refused() -> None:
    message = pb.Bundle(trust_domain="a.test", jwt_authorities=[pb.JWTKey(public_key=public_key())])
    with pytest.raises(InvalidArgument, match=r"^unable to parse JWT authority: missing key ID$"):
        bundle_from_request(message)


def test_update_sets_what_the_mask_selects_and_keeps_wit_keys() -> None:
    wit = (JwtAuthority("w", b"w"),)
    current = Bundle(A_TEST, (X509Authority(b"1"),), (JwtAuthority("k", b"k"),), wit, 60, 1)
    given = Bundle(A_TEST, (X509Authority(b"2"),), (), (), 90, 2)
    assert updated_bundle(current, given, None) == Bundle(A_TEST, (X509Authority(b"2"),), (), wit, 90, 2)
    assert updated_bundle(current, given, pb.BundleMask()) == current
    only_hint = pb.BundleMask(refresh_hint=True, wit_authorities=True)
    assert updated_bundle(current, given, only_hint) == Bundle(
        A_TEST, (X509Authority(b"1"),), (JwtAuthority("k", b"k"),), wit, 90, 1
    )
