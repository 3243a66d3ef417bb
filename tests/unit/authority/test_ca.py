"""Our own CAs: SPIRE's profile, and what an upstream authority may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.authority import ca
from finial.authority.journal import Status
from finial.authority.policy import Policy
from finial.errors import Internal, InvalidArgument
from finial.plugin.kinds import PrivateKey, X509CaAttributes
from finial.spiffe.bundle_document import parse_pem
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr
from finial.svid.subject import Subject
from finial.testing.ca import TestCa

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
POLICY = Policy(trust_domain=TrustDomain("example.org"))
KEY = ec.generate_private_key(ec.SECP256R1())


def test_self_signed_profile() -> None:
    made = ca.self_signed(POLICY, KEY, NOW)
    certificate = x509.load_der_x509_certificate(made.certificate)
    serial = certificate.serial_number
    assert 0 < serial < 2**128
    assert certificate.subject == certificate.issuer
    assert Subject.of(certificate.subject) == Subject(("US",), ("SPIFFE",), serial_number=str(serial))
    assert certificate.not_valid_before_utc == NOW - timedelta(seconds=10)
    assert certificate.not_valid_after_utc == NOW + timedelta(hours=24)
    shapes = [(one.oid._name, one.critical) for one in certificate.extensions]
    assert shapes == [
        ("keyUsage", True), ("basicConstraints", True), ("subjectKeyIdentifier", False), ("subjectAltName", False),
    ]  # fmt: skip
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage == ca.key_usage(key_cert_sign=True, crl_sign=True)
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, None)
    assert made.read.uris == ("spiffe://example.org",)
    assert made.authority_id == x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()).digest.hex()
    assert made.upstream_authority_id == "" and made.roots == (made.certificate,)


def test_configured_subject_keeps_its_own_serial_number() -> None:
    subject = Subject(("DE", "FR"), ("One", "Two"), common_name="Root")
    made = ca.self_signed(replace(POLICY, ca_subject=subject, ca_ttl=60), KEY, NOW)
    certificate = made.read
    assert Subject.of(certificate.parsed.subject) == replace(
        subject, serial_number=str(certificate.serial_number)
    )
    own = replace(subject, serial_number="7")
    assert Subject.of(ca.self_signed(replace(POLICY, ca_subject=own), KEY, NOW).read.parsed.subject) == own


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        (KEY, hashes.SHA256),
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384),
        (ec.generate_private_key(ec.SECP521R1()), hashes.SHA512),
        (rsa.generate_private_key(65537, 2048), hashes.SHA256),
    ],
    ids=["P-256", "P-384", "P-521", "RSA"],
)
def test_hash_follows_the_key(key: PrivateKey, digest: type[hashes.HashAlgorithm]) -> None:
    signed = ca.self_signed(POLICY, key, NOW).read.parsed
    assert isinstance(signed.signature_hash_algorithm, digest)


def test_record_for_the_journal() -> None:
    made = ca.self_signed(POLICY, KEY, NOW)
    record = made.record("B", int(NOW.timestamp()))
    assert (record.slot_id, record.status, record.upstream_chain) == ("B", Status.PREPARED, ())
    assert record.authority_id == made.authority_id and record.not_after - record.issued_at == 86400


def test_request_to_an_upstream_authority() -> None:
    request = csr.parse(ca.upstream_request(POLICY, KEY))
    request.check_signature()
    names = request.names()
    assert names.uris == ("spiffe://example.org",) and names.dns_names == ()
    assert names.subject.organizations == ("SPIFFE",) and names.subject.serial_number.isdigit()


def upstream(domain: str = "example.org") -> tuple[TestCa, TestCa]:
    root = TestCa(domain, name="up", now=NOW)
    return root, TestCa(domain, name="sub", issuer=root, private_key=KEY, now=NOW)


def test_answer_of_an_upstream_authority() -> None:
    root, below = upstream()
    made = ca.from_upstream(POLICY, KEY, [below.der], [root.der], NOW)
    assert made.upstream_chain == (below.der,) and made.roots == (root.der,)
    assert made.upstream_authority_id == root.subject_key_id.hex()


def test_wrong_answers_of_an_upstream_authority() -> None:
    root, below = upstream()
    other = ec.generate_private_key(ec.SECP256R1())
    faults: list[tuple[Callable[[], object], str]] = [
        (lambda: ca.from_upstream(POLICY, KEY, [], [root.der], NOW), "empty X.509 CA chain"),
        (lambda: ca.from_upstream(POLICY, KEY, [below.der], [], NOW), "no roots"),
        (lambda: ca.from_upstream(POLICY, other, [below.der], [root.der], NOW), "signed another key"),
        (lambda: ca.from_upstream(POLICY, KEY, [upstream("x.test")[1].der], [root.der], NOW), "expected URI SAN"),
        (lambda: ca.from_upstream(POLICY, KEY, [below.der], [root.der], NOW + timedelta(days=1)), "already expired"),
        (lambda: ca.from_upstream(POLICY, KEY, [below.der], [root.der], NOW - timedelta(days=1)), "not yet valid"),
    ]  # fmt: skip
    for call, why in faults:
        with pytest.raises(InvalidArgument, match=why):
            call()


def test_a_leaf_is_no_ca() -> None:
    root, _ = upstream()
    leaf = root.leaf(uris=["spiffe://example.org"], private_key=KEY)
    with pytest.raises(InvalidArgument, match="cA constraint is not set"):
        ca.from_upstream(POLICY, KEY, leaf.chain, [root.der], NOW)
    odd = root.leaf(uris=["spiffe://example.org"], private_key=KEY, ca=True)
    with pytest.raises(InvalidArgument, match="keyCertSign key usage must be set"):
        ca.from_upstream(POLICY, KEY, odd.chain, [root.der], NOW)


def test_serials_are_positive_128_bit_numbers() -> None:
    serials = {ca.new_serial() for _ in range(200)}
    assert len(serials) == 200 and all(0 < one < 2**128 for one in serials)


def test_expired_authority_is_named() -> None:
    ca.require_unexpired("X.509 CA", NOW, NOW - timedelta(seconds=1))
    with pytest.raises(Internal, match=r"X\.509 CA expired at 2026-11-25T12:00:00Z"):
        ca.require_unexpired("X.509 CA", NOW, NOW)


def test_private_key_is_kept_out_of_repr() -> None:
    assert "private_key" not in repr(ca.self_signed(POLICY, KEY, NOW))


def test_bytes_of_a_root_are_those_of_a_stock_server() -> None:
    vectors = Path(__file__).parents[2] / "vectors" / "svid"
    text = (vectors / "stock-minted-leaf-and-root.txt").read_bytes()
    root = x509.load_der_x509_certificate(parse_pem(text, POLICY.trust_domain).x509_roots[1])
    subject = Subject(("DE", "FR"), ("One", "Two"), common_name="Root", serial_number=str(root.serial_number))
    public_key = root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    now, end = root.not_valid_before_utc + ca.CUSHION, root.not_valid_after_utc
    issuer, made = subject.name(), X509CaAttributes(subject)
    built = ca.ca_builder(POLICY.trust_domain, made, issuer, public_key, root.serial_number, now, end)
    assert built.sign(KEY, hashes.SHA256()).tbs_certificate_bytes.hex() == root.tbs_certificate_bytes.hex()
