"""The DER template gives the bytes of the reference builder, whatever the input."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import SubjectKeyIdentifier

from finial.authority.ca import CUSHION, X509Ca, hash_for, public_bytes, self_signed
from finial.authority.policy import Policy, X509Request
from finial.authority.template import LeafTemplate, reference_builder, subject_key_id
from finial.plugin.kinds import PrivateKey
from finial.spiffe.bundle_document import parse_pem
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.subject import SPIRE, Subject

VECTORS = Path(__file__).parents[2] / "vectors" / "svid"
NOW = datetime(2026, 11, 25, 12, 0, 0, 999_999, tzinfo=UTC)
POLICY = Policy(trust_domain=TrustDomain("example.org"))
ISSUERS: dict[str, PrivateKey] = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}
SUBJECTS: dict[str, PrivateKey] = ISSUERS | {"P-224": ec.generate_private_key(ec.SECP224R1())}
WORKLOAD = SpiffeId.parse("spiffe://example.org/w")
UNIQUE_ID = "2.5.4.45"


def same(ca: X509Ca, request: X509Request, *, serial: int = 7, days: int = 1, now: datetime = NOW) -> None:
    not_after = now + timedelta(days=days)
    reference = reference_builder(ca, request, serial, now, not_after)
    signed = reference.sign(ca.private_key, hash_for(ca.private_key))
    template = LeafTemplate(ca)
    tbs = template.tbs(request, serial, now, not_after)
    assert tbs.hex() == signed.tbs_certificate_bytes.hex()
    whole = template.certificate(tbs, signed.signature)
    assert whole == signed.public_bytes(Encoding.DER)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("issuer", ISSUERS)
def test_equal_for_all_keys(issuer: str, subject: str) -> None:
    ca = self_signed(POLICY, ISSUERS[issuer], NOW)
    same(ca, X509Request(WORKLOAD, public_bytes(SUBJECTS[subject]), SPIRE, (), 60))


CA = self_signed(POLICY, ISSUERS["P-256"], NOW)
KEY = public_bytes(ISSUERS["P-256"])


@pytest.mark.parametrize("serial", [1, 0x7F, 0x80, 0xFF, 2**127, 2**127 - 1, 2**128 - 1])
def test_equal_for_serials_around_the_sign_bit(serial: int) -> None:
    same(CA, X509Request(WORKLOAD, KEY, SPIRE, (), 60), serial=serial)


def test_equal_on_both_sides_of_2050() -> None:
    request = X509Request(WORKLOAD, KEY, SPIRE, (), 60)
    same(CA, request, now=datetime(2049, 12, 31, 23, 0, tzinfo=UTC))
    same(CA, request, now=datetime(2051, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("count", [0, 1, 2, 10, 300])
def test_equal_for_names_of_every_length_of_length(count: int) -> None:
    names = tuple(f"host-{index}.test" for index in range(count))
    same(CA, X509Request(WORKLOAD, KEY, SPIRE, names, 60))


@pytest.mark.parametrize("length", [100, 105, 106, 107, 230, 240, 2000])
def test_equal_for_ids_of_every_length_of_length(length: int) -> None:
    same(CA, X509Request(SpiffeId(TrustDomain("example.org"), "/" + "a" * length), KEY, SPIRE, (), 60))


def test_equal_for_rich_subjects() -> None:
    subject = Subject(
        ("DE", "FR"), ("Ö", "B"), common_name="*.a.test", serial_number="7", more=((UNIQUE_ID, "ab"),)
    )
    same(CA, X509Request(WORKLOAD, KEY, subject, ("*.a.test",), 60))


@pytest.mark.parametrize("key", SUBJECTS.values(), ids=SUBJECTS)
def test_subject_key_identifier(key: PrivateKey) -> None:
    assert subject_key_id(public_bytes(key)) == SubjectKeyIdentifier.from_public_key(key.public_key()).digest


def recorded() -> tuple[bytes, bytes]:
    """A leaf and the root that a stock server made. Returns: DER of both."""
    text = (VECTORS / "stock-minted-leaf-and-root.txt").read_bytes()
    leaf, root = parse_pem(text, POLICY.trust_domain).x509_roots
    return leaf, root


def test_bytes_are_those_of_a_stock_server() -> None:
    """Issuer key and signature aside: all that is signed."""
    leaf, root = recorded()
    read = x509.load_der_x509_certificate(leaf)
    spiffe_id = SpiffeId.parse("spiffe://example.org/named")
    unique = (UNIQUE_ID, "cd2941a0a7c9605226d44e60de3c5ec7")
    subject = replace(SPIRE, common_name="b.test", more=(unique,))
    public_key = read.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    request = X509Request(spiffe_id, public_key, subject, ("b.test", "*.a.test"), 300)
    ca = X509Ca(root, ISSUERS["P-256"])
    now = read.not_valid_before_utc + CUSHION
    tbs = LeafTemplate(ca).tbs(request, read.serial_number, now, read.not_valid_after_utc)
    assert tbs.hex() == read.tbs_certificate_bytes.hex()
    assert LeafTemplate(ca).certificate(tbs, read.signature) == leaf
