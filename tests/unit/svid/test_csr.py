"""Certificate requests: made, read, and proven to come from the holder of the key."""

from __future__ import annotations

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import CertificateSigningRequestBuilder, Name

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.svid.subject import Subject

KEY = ec.generate_private_key(ec.SECP256R1())
ID = SpiffeId.parse("spiffe://example.org/minted")
KEYS: list[csr.PrivateKey] = [
    KEY,
    ec.generate_private_key(ec.SECP384R1()),
    ec.generate_private_key(ec.SECP521R1()),
    rsa.generate_private_key(65537, 1024),
]


@pytest.mark.parametrize("key", KEYS, ids=["P-256", "P-384", "P-521", "RSA 1024"])
def test_made_request_reads_back(key: csr.PrivateKey) -> None:
    subject = Subject(countries=("DE",), common_name="m.test")
    read = csr.parse(csr.create(key, ID, dns_names=("b.test", "a.test"), subject=subject))
    read.check_signature()
    assert read.public_key == key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert read.names() == csr.Names(subject, ("b.test", "a.test"), (str(ID),))


def test_request_without_names_has_the_subject_of_spire() -> None:
    read = csr.parse(csr.create(KEY))
    assert read.names() == csr.Names(Subject(countries=("US",), organizations=("SPIRE",)), (), ())


@pytest.mark.parametrize(("key", "kind"), [(KEYS[0], "ECDSA"), (KEYS[3], "RSA")], ids=["ECDSA", "RSA"])
def test_broken_signature_is_refused(key: csr.PrivateKey, kind: str) -> None:
    der = bytearray(csr.create(key))
    der[-1] ^= 1
    with pytest.raises(
        InvalidArgument, match=f"^failed to verify CSR signature: x509: {kind} verification failure"
    ):
        csr.parse(bytes(der)).check_signature()


def test_exchanged_key_is_refused() -> None:
    """The key of another put into one's own request."""
    mine, other = csr.create(KEY), ec.generate_private_key(ec.SECP256R1())

    def point(key: ec.EllipticCurvePrivateKey) -> bytes:
        return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    forged = csr.parse(mine.replace(point(KEY), point(other)))
    with pytest.raises(InvalidArgument, match="failed to verify CSR signature"):
        forged.check_signature()


@pytest.mark.parametrize(
    "data", [b"", b"nope", csr.create(KEY)[:-1], csr.create(KEY) + b"\0", b"\x30" * 70_000]
)
def test_malformed_request_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^malformed CSR: "):
        csr.parse(data)


def test_key_of_another_type_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    der = CertificateSigningRequestBuilder(Name([])).sign(key, None).public_bytes(Encoding.DER)
    with pytest.raises(InvalidArgument, match=r"^malformed CSR: key type .* is not supported"):
        csr.parse(der)


def tlv(tag: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    octets = len(value).to_bytes((len(value).bit_length() + 7) // 8 or 1, "big")
    length = octets if len(value) < 128 else bytes((0x80 | len(octets),)) + octets
    return bytes((tag,)) + length + value


def with_attribute(kind: bytes, tag: int, value: bytes) -> csr.Csr:
    """A request whose subject is that one attribute, as a foreign program may write it."""
    subject = tlv(0x30, tlv(0x31, tlv(0x30, tlv(0x06, kind), tlv(tag, value))))
    key = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = tlv(0x30, tlv(0x02, b"\0"), subject, key, tlv(0xA0))
    algorithm = tlv(0x30, tlv(0x06, bytes.fromhex("2a8648ce3d040302")))
    signature = KEY.sign(info, ec.ECDSA(SHA256()))
    return csr.parse(tlv(0x30, info, algorithm, tlv(0x03, b"\0" + signature)))


COMMON_NAME, COUNTRY = b"\x55\x04\x03", b"\x55\x04\x06"


def test_a_request_put_together_by_hand_is_read() -> None:
    assert with_attribute(COMMON_NAME, 12, b"a").names().subject == Subject(common_name="a")


@pytest.mark.parametrize(
    ("kind", "tag", "value"),
    [
        pytest.param(COMMON_NAME, 12, b"", id="empty common name"),
        pytest.param(COMMON_NAME, 12, b"a" * 65, id="long common name"),
        pytest.param(COUNTRY, 19, b"", id="empty country"),
        pytest.param(COUNTRY, 19, b"USA", id="country of three letters"),
        pytest.param(COUNTRY, 12, b"a\0b", id="country with NUL"),
        pytest.param(COMMON_NAME, 12, b"\xff\xfe", id="no UTF-8"),
        pytest.param(COMMON_NAME, 30, b"\0U\0", id="half a letter of a BMPString"),
        pytest.param(COMMON_NAME, 20, b"\xe9", id="T61String"),
        pytest.param(COMMON_NAME, 2, b"\5", id="number"),
    ],
)
def test_an_odd_attribute_is_no_more_than_an_error_of_ours(kind: bytes, tag: int, value: bytes) -> None:
    """Where warnings are errors too, as here: pyca warns of some lengths."""
    with contextlib.suppress(InvalidArgument):
        request = with_attribute(kind, tag, value)
        request.check_signature()
        request.names().subject.name()
