"""DER of a leaf certificate, put together from ready pieces: the hot path of signing. Pure.

Only what differs from one leaf to the next is encoded: serial, dates, subject, key and names. A
reference made with pyca's builder (`reference_builder`) must give the same bytes for every input; a
property test holds the two against each other. Order of extensions and of names is Go's.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from finial.authority.ca import CUSHION, X509Ca, key_usage, unrecognized
from finial.authority.policy import X509Request
from finial.plugin.kinds import Extension
from finial.svid.certificate import load_public_key
from finial.svid.subject import Subject

# AlgorithmIdentifier by the issuer's key.
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
ECDSA_SHA512 = bytes.fromhex("300a06082a8648ce3d040304")
RSA_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
VERSION_3 = bytes.fromhex("a003020102")
USAGES = bytes.fromhex(
    "300e0603551d0f0101ff0404030203a8"  # keyUsage: digitalSignature, keyEncipherment, keyAgreement
    "301d0603551d250416301406082b0601050507030106082b06010505070302"  # serverAuth, clientAuth
    "300c0603551d130101ff04023000"  # basicConstraints: no CA
)
SUBJECT_KEY_ID = bytes.fromhex("301d0603551d0e04160414")  # followed by 20 bytes
SUBJECT_ALTERNATIVE_NAME = bytes.fromhex("0603551d11")
P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
GENERALIZED_FROM = 2050  # the year from which dates have four digits


class LeafTemplate:
    """The leaf of one CA."""

    def __init__(self, ca: X509Ca) -> None:
        certificate = ca.read
        self.algorithm = _algorithm(ca)
        authority = _octets(certificate.subject_key_id or b"", 0x80)
        identifier = _octets(_octets(authority, 0x30), 0x04)
        self._authority_key_id = _octets(bytes.fromhex("0603551d23") + identifier, 0x30)
        self._issuer = self.algorithm + certificate.subject.public_bytes()

    def tbs(self, request: X509Request, serial: int, now: datetime, not_after: datetime) -> bytes:
        """The TBSCertificate, ready to be signed."""
        number = serial.to_bytes(serial.bit_length() // 8 + 1)
        validity = _validity(now, not_after)
        extensions = b"".join(
            (
                USAGES,
                SUBJECT_KEY_ID,
                subject_key_id(request.public_key),
                self._authority_key_id,
                _names(request),
                *map(_extension, request.extensions),
            )
        )
        return _octets(
            b"".join(
                (
                    VERSION_3,
                    _octets(number, 0x02),
                    self._issuer,
                    validity,
                    _subject(request.subject),
                    request.public_key,
                    _octets(_octets(extensions, 0x30), 0xA3),
                )
            ),
            0x30,
        )

    def certificate(self, tbs: bytes, signature: bytes) -> bytes:
        return _octets(tbs + self.algorithm + _octets(b"\x00" + signature, 0x03), 0x30)


def reference_builder(
    ca: X509Ca, request: X509Request, serial: int, now: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    """The same certificate by pyca: what the template is held against."""
    issuer, key = ca.read, load_public_key(request.public_key)
    roles = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
    names.append(x509.UniformResourceIdentifier(str(request.id)))
    subject, usage = (
        request.subject.name(),
        key_usage(digital_signature=True, key_encipherment=True, key_agreement=True),
    )
    builder = (
        x509.CertificateBuilder(issuer.subject, subject, key, serial, now - CUSHION, not_after)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(roles), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(issuer.subject_key_id, None, None), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    for one in request.extensions:
        builder = builder.add_extension(unrecognized(one), one.critical)
    return builder


def subject_key_id(public_key: bytes) -> bytes:
    """SHA-1 of the key's bit string, RFC 5280 4.2.1.2 method 1. Public key is DER."""
    if public_key.startswith(P256_HEAD) and len(public_key) == 91:
        return hashlib.sha1(public_key[26:], usedforsecurity=False).digest()
    key = load_public_key(public_key)
    return x509.SubjectKeyIdentifier.from_public_key(key).digest


def _algorithm(ca: X509Ca) -> bytes:
    if not isinstance(ca.private_key, ec.EllipticCurvePrivateKey):
        return RSA_SHA256
    size = ca.private_key.curve.key_size
    return {384: ECDSA_SHA384, 521: ECDSA_SHA512}.get(size, ECDSA_SHA256)


@lru_cache(maxsize=1024)
def _subject(subject: Subject) -> bytes:
    return subject.name().public_bytes()


@lru_cache(maxsize=64)
def _validity(now: datetime, not_after: datetime) -> bytes:
    """Leaves of one batch have the same, but for those with a lifetime of their own."""
    return _octets(_date(now - CUSHION) + _date(not_after), 0x30)


def _names(request: X509Request) -> bytes:
    names = b"".join(_octets(name.encode("ascii"), 0x82) for name in request.dns_names)
    names += _octets(str(request.id).encode("ascii"), 0x86)
    return _octets(SUBJECT_ALTERNATIVE_NAME + _octets(_octets(names, 0x30), 0x04), 0x30)


def _extension(extension: Extension) -> bytes:
    """`critical` is written only where it is true: DER leaves out a default."""
    critical = b"\x01\x01\xff" if extension.critical else b""
    return _octets(_oid(extension.oid) + critical + _octets(extension.value, 0x04), 0x30)


@lru_cache(maxsize=64)
def _oid(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    return _octets(b"".join(map(_base_128, (first * 40 + second, *others))), 0x06)


def _base_128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | number & 0x7F)
    return bytes(reversed(digits))


def _date(moment: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from 2050: RFC 5280 4.1.2.5. Whole seconds, cut."""
    if moment.year < GENERALIZED_FROM:
        return b"\x17\x0d" + f"{moment:%y%m%d%H%M%SZ}".encode()
    return b"\x18\x0f" + f"{moment:%Y%m%d%H%M%SZ}".encode()


def _octets(content: bytes, tag: int) -> bytes:
    """Tag, length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
