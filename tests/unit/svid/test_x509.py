"""X.509-SVID: each rule of the leaf, broken one at a time."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.svid import x509
from finial.testing.ca import Issued, TestCa

CA = TestCa()
OTHER_ROLE = ExtendedKeyUsageOID.CODE_SIGNING


def test_a_good_leaf() -> None:
    issued = CA.intermediate().leaf("/some/path")
    svid = x509.parse(issued.chain)
    assert svid.id == SpiffeId.parse("spiffe://example.org/some/path")
    assert svid.chain == issued.chain and len(svid.chain) == 2
    assert svid.not_before.tzinfo is not None and svid.not_before < svid.not_after


FAULTS = {
    "no URI": (CA.leaf(uris=()), "0 URI SANs"),
    "DNS name only": (CA.leaf(uris=(), dns=("a.test",)), "0 URI SANs"),
    "two URIs": (CA.leaf(uris=("spiffe://example.org/a", "spiffe://example.org/b")), "2 URI SANs"),
    "same URI twice": (CA.leaf(uris=("spiffe://example.org/a",) * 2), "2 URI SANs"),
    "other scheme": (CA.leaf(uris=("https://example.org/a",)), "scheme is missing or invalid"),
    "no path": (CA.leaf(uris=("spiffe://example.org",)), "a path is required"),
    "slash only": (CA.leaf(uris=("spiffe://example.org/",)), "trailing slash"),
    "dot segment": (CA.leaf(uris=("spiffe://example.org/a/../b",)), "dot segments"),
    "percent encoding": (CA.leaf(uris=("spiffe://example.org/%61",)), "path segment characters"),
    "upper-case trust domain": (CA.leaf(uris=("spiffe://Example.org/a",)), "trust domain characters"),
    "query": (CA.leaf(uris=("spiffe://example.org/a?b",)), "path segment characters"),
    "port": (CA.leaf(uris=("spiffe://example.org:1/a",)), "trust domain characters"),
    "CA flag": (CA.leaf(ca=True), "CA flag"),
    "no digitalSignature": (CA.leaf(digital_signature=False, key_cert_sign=True), "lacks the key usage"),
    "keyCertSign": (CA.leaf(key_cert_sign=True), "keyCertSign"),
    "cRLSign": (CA.leaf(crl_sign=True), "cRLSign"),
    "serverAuth only": (CA.leaf(extended_key_usage=[ExtendedKeyUsageOID.SERVER_AUTH]), "without both"),
    "clientAuth only": (CA.leaf(extended_key_usage=[ExtendedKeyUsageOID.CLIENT_AUTH]), "without both"),
    "other role only": (CA.leaf(extended_key_usage=[OTHER_ROLE]), "without both"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_refused(fault: str) -> None:
    issued, why = FAULTS[fault]
    with pytest.raises(InvalidArgument, match=f"^x509-svid: .*{why}"):
        x509.parse(issued.chain)


@pytest.mark.parametrize(
    "issued",
    [CA.leaf(extended_key_usage=()), CA.leaf(extended_key_usage=[OTHER_ROLE,
     ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])],
    ids=["none", "both and another"],
)  # fmt: skip
def test_extended_key_usage_is_none_or_names_both_roles(issued: Issued) -> None:
    assert x509.parse(issued.chain).id.path == "/workload"


def test_empty_and_long_chains_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="chain is empty"):
        x509.parse([])
    with pytest.raises(InvalidArgument, match="at most 8 are allowed"):
        x509.parse([*CA.leaf().chain, *[CA.der] * 8])


def test_unreadable_leaf_names_itself() -> None:
    with pytest.raises(InvalidArgument, match=r"^x509-svid: leaf: certificate cannot be read"):
        x509.parse([b"nope"])


def test_concatenated_certificates_come_apart() -> None:
    chain = CA.intermediate().leaf().chain
    assert x509.split_der(b"".join(chain)) == chain
    assert x509.split_der(b"") == ()


@pytest.mark.parametrize(
    "data", [b"\x30", b"\x31\x00", b"\x30\x05abc", b"\x30\x89" + b"\xff" * 20, b"\x30\x80"]
)
def test_malformed_concatenation_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="concatenated certificates are malformed"):
        x509.split_der(data)


def test_private_key_travels_as_pkcs8() -> None:
    key = rsa.generate_private_key(65537, 1024)
    read = load_der_private_key(x509.private_key_to_pkcs8(key), None)
    assert isinstance(read, rsa.RSAPrivateKey) and read.private_numbers() == key.private_numbers()
