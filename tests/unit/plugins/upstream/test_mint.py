"""What a CA above a server signs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from finial.authority.ca import public_bytes, upstream_request
from finial.authority.policy import Policy
from finial.errors import Internal, InvalidArgument
from finial.plugins.upstream.mint import mint
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import read
from finial.testing.ca import TestCa

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DOMAIN = TrustDomain("example.org")
KEY = ec.generate_private_key(ec.SECP256R1())
ROOT = TestCa(now=NOW, lifetime=timedelta(hours=2))


def minted(domain: str = "example.org", ttl: int = 600, now: datetime = NOW) -> x509.Certificate:
    csr = upstream_request(Policy(trust_domain=TrustDomain(domain)), KEY)
    return x509.load_der_x509_certificate(mint(csr, ROOT.certificate, ROOT.private_key, DOMAIN, now, ttl))


def test_profile_of_the_ca() -> None:
    made = minted()
    assert made.issuer == ROOT.certificate.subject
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (
        NOW - timedelta(seconds=10),
        NOW + timedelta(seconds=600),
    )
    facts = read(made.public_bytes(Encoding.DER))
    assert facts.is_ca and facts.path_length is None and facts.uris == ("spiffe://example.org",)
    assert facts.public_key == public_bytes(KEY) and facts.authority_key_id == ROOT.subject_key_id
    assert [(one.oid._name, one.critical) for one in made.extensions] == [
        ("keyUsage", True),
        ("basicConstraints", True),
        ("subjectKeyIdentifier", False),
        ("authorityKeyIdentifier", False),
        ("subjectAltName", False),
    ]
    made.verify_directly_issued_by(ROOT.certificate)


def test_nothing_outlives_its_signer() -> None:
    assert minted(ttl=86400).not_valid_after_utc == ROOT.certificate.not_valid_after_utc
    with pytest.raises(Internal, match="the upstream CA expired at 2026-11-25T14:00:00Z"):
        minted(now=NOW + timedelta(hours=2))


def test_the_hash_goes_by_the_key_that_signs() -> None:
    for curve, expected in ((ec.SECP384R1(), hashes.SHA384), (ec.SECP521R1(), hashes.SHA512)):
        key = ec.generate_private_key(curve)
        csr = upstream_request(Policy(trust_domain=DOMAIN), KEY)
        made = x509.load_der_x509_certificate(mint(csr, ROOT.certificate, key, DOMAIN, NOW, 60))
        assert isinstance(made.signature_hash_algorithm, expected)


def test_other_requests_are_refused() -> None:
    with pytest.raises(InvalidArgument, match='must use the trust domain ID for trust domain "example.org"'):
        minted("other.test")
    for uris, refusal in (
        ([], "CSR must have exactly one URI SAN"),
        (["spiffe://example.org", "spiffe://example.org/a"], "CSR must have exactly one URI SAN"),
        (["spiffe://example.org/a"], "must use the trust domain ID"),
        (["https://example.org"], 'CSR with SPIFFE ID "https://example.org" is invalid'),
    ):
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        if uris:
            names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(one) for one in uris])
            builder = builder.add_extension(names, critical=False)
        csr = builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
        with pytest.raises(InvalidArgument, match=f"unable to sign CSR: .*{refusal}"):
            mint(csr, ROOT.certificate, ROOT.private_key, DOMAIN, NOW, 60)
