"""One certificate: what is read, and what is refused before anybody asks about trust."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.errors import InvalidArgument
from finial.svid.certificate import MAX_SIZE, check_key, load_public_key, read
from finial.testing.ca import TestCa

CA = TestCa()


def with_extension(extension: x509.ExtensionType, *, critical: bool) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder(
            CA.subject, CA.subject, key.public_key(), 1, CA.now - timedelta(hours=1), CA.now
        )
        .add_extension(extension, critical=critical)
        .sign(CA.private_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def test_facts_of_a_leaf() -> None:
    leaf = read(CA.leaf(dns=("a.test", "b.test")).chain[0])
    assert leaf.uris == ("spiffe://example.org/workload",)
    assert leaf.dns_names == ("a.test", "b.test")
    assert not leaf.is_ca and not leaf.may_sign_certificates
    assert leaf.key_usage is not None and leaf.key_usage.digital_signature
    assert leaf.authority_key_id == read(CA.der).subject_key_id
    assert leaf.serial_number > 0 and leaf.not_before < leaf.not_after


def test_facts_of_a_ca() -> None:
    ca = read(CA.intermediate(path_length=3).der)
    assert ca.is_ca and ca.may_sign_certificates and ca.path_length == 3


def test_critical_extension_that_is_not_understood_is_refused() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    with pytest.raises(InvalidArgument, match=r'critical extension "1.2.3.4"'):
        read(with_extension(unknown, critical=True))
    assert read(with_extension(unknown, critical=False)).serial_number == 1


@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_truncated_der_is_refused(cut: int) -> None:
    with pytest.raises(InvalidArgument, match="certificate cannot be read"):
        read(CA.der[:cut])


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="certificate cannot be read"):
        read(CA.der + b"\x00")


def test_size_is_bounded_before_reading() -> None:
    with pytest.raises(InvalidArgument, match=f"at most {MAX_SIZE} are allowed"):
        read(b"\x30" * (MAX_SIZE + 1))


def test_keys_of_other_types_and_sizes_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="is not supported"):
        check_key(ed25519.Ed25519PrivateKey.generate().public_key())
    small = rsa.RSAPublicNumbers(65537, (1 << 1022) + 1).public_key()
    huge = rsa.RSAPublicNumbers(65537, (1 << 8192) + 1).public_key()
    for key in (small, huge):
        with pytest.raises(InvalidArgument, match="1024 to 8192 are allowed"):
            check_key(key)


def test_public_key_round_trip() -> None:
    key = CA.private_key.public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert load_public_key(der) == key
    assert read(CA.der).public_key == der
    with pytest.raises(InvalidArgument, match="public key cannot be read"):
        load_public_key(der[:-1])
