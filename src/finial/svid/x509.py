"""X.509-SVID: a DER chain in, a checked identity out. Pure: whether a bundle trusts it is `verify`'s question.

Rules of the leaf, X509-SVID 2, 4 and 5.2: exactly one URI SAN, which is a SPIFFE ID with a path; no CA;
digitalSignature without keyCertSign and cRLSign; extended key usage, where there is any, names both
serverAuth and clientAuth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from finial.errors import FinialError, InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.svid.certificate import Certificate, read

BOTH_ROLES = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH.dotted_string, ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string}
)
MAX_CHAIN_LENGTH = 8  # certificates presented; a longer chain is an attack on the verifier


@dataclass(frozen=True, slots=True)
class X509Svid:
    """A leaf that keeps the rules, with the intermediates that came along. Times are aware UTC."""

    id: SpiffeId
    chain: tuple[bytes, ...] = field(repr=False)  # DER, leaf first, root left out
    not_before: datetime
    not_after: datetime
    serial_number: int
    public_key: bytes = field(repr=False)  # DER SubjectPublicKeyInfo


def parse(chain: Sequence[bytes]) -> X509Svid:
    """Read a DER chain, leaf first, of which only the leaf is judged.

    Raises: InvalidArgument, naming the broken rule. Spec: X509-SVID 2, 4, 5.2.
    """
    return from_leaf(read_leaf(chain), chain)


def read_leaf(chain: Sequence[bytes]) -> Certificate:
    """The first certificate of a chain of bearable length. Raises: InvalidArgument."""
    if not chain:
        raise InvalidArgument("x509-svid: certificate chain is empty")
    if len(chain) > MAX_CHAIN_LENGTH:
        raise InvalidArgument(
            f"x509-svid: chain has {len(chain)} certificates, at most {MAX_CHAIN_LENGTH} are allowed"
        )
    try:
        return read(chain[0])
    except InvalidArgument as why:
        raise why.within("x509-svid: leaf") from why


def from_leaf(leaf: Certificate, chain: Sequence[bytes]) -> X509Svid:
    """Raises: InvalidArgument, naming the rule that the leaf breaks."""
    try:
        spiffe_id = leaf_id(leaf)
        _check_usage(leaf)
    except InvalidArgument as why:
        raise why.within("x509-svid") from why
    return X509Svid(
        spiffe_id, tuple(chain), leaf.not_before, leaf.not_after, leaf.serial_number, leaf.public_key
    )


def leaf_id(leaf: Certificate) -> SpiffeId:
    if len(leaf.uris) != 1:
        raise InvalidArgument(f"leaf has {len(leaf.uris)} URI SANs, exactly 1 is required")
    try:
        spiffe_id = SpiffeId.parse(leaf.uris[0])
    except FinialError as why:
        raise why.within(f'leaf has the URI SAN "{leaf.uris[0]}"') from why
    if not spiffe_id.path:
        raise InvalidArgument(f'leaf holds the ID of a trust domain, "{spiffe_id}": a path is required')
    return spiffe_id


def _check_usage(leaf: Certificate) -> None:
    if leaf.is_ca:
        raise InvalidArgument("leaf has the CA flag set")
    usage = leaf.key_usage
    if usage is None or not usage.digital_signature:
        raise InvalidArgument("leaf lacks the key usage digitalSignature")
    if usage.key_cert_sign:
        raise InvalidArgument("leaf has the key usage keyCertSign")
    if usage.crl_sign:
        raise InvalidArgument("leaf has the key usage cRLSign")
    if leaf.extended_key_usage is not None and not leaf.extended_key_usage >= BOTH_ROLES:
        raise InvalidArgument("leaf has an extended key usage without both serverAuth and clientAuth")


def private_key_to_pkcs8(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """DER PKCS#8, not encrypted: what travels on the Workload API."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def split_der(chain: bytes) -> tuple[bytes, ...]:
    """Concatenated DER certificates, as the Workload API sends them, one by one.

    Only the outer lengths are read; each certificate is judged by who reads it. Raises: InvalidArgument.
    """
    found: list[bytes] = []
    rest = chain
    while rest:
        size = _outer_size(rest)
        found.append(rest[:size])
        rest = rest[size:]
    return tuple(found)


def _outer_size(data: bytes) -> int:
    """Bytes of the SEQUENCE that `data` begins with, header included."""
    if len(data) < 2 or data[0] != 0x30 or data[1] == 0x80:  # 0x80: of unknown length, which DER has not
        raise InvalidArgument("x509-svid: concatenated certificates are malformed")
    header, size = 2, data[1]
    if size >= 0x80:
        header += size & 0x7F
        size = int.from_bytes(data[2:header])
    if not 2 <= header <= 6 or header + size > len(data):
        raise InvalidArgument("x509-svid: concatenated certificates are malformed")
    return header + size
