"""One X.509 certificate: DER in, the facts that SPIFFE's rules ask about out. Pure.

Reading judges form only; what a leaf or an issuer must look like is said in `x509` and `verify`. A
critical extension that is not in `UNDERSTOOD` makes a certificate unreadable: RFC 5280 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.x509.oid import ExtensionOID

from finial.errors import InvalidArgument

MAX_SIZE = 64 * 1024  # bytes of DER: a thousand DNS names fit
MIN_RSA_BITS, MAX_RSA_BITS = 1024, 8192  # what Go's crypto/tls verifies at all; a huge key costs seconds
UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.NAME_CONSTRAINTS,
    }
)
FAULTS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UserWarning,  # pyca's, of an attribute's length or a serial number: raised where warnings are errors
)

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Certificate:
    """A read certificate. Times are aware UTC, whole seconds; identifiers are raw bytes."""

    der: bytes = field(repr=False)
    parsed: x509.Certificate = field(repr=False, compare=False)
    subject: x509.Name
    issuer: x509.Name
    serial_number: int
    not_before: datetime
    not_after: datetime
    is_ca: bool
    path_length: int | None
    key_usage: x509.KeyUsage | None
    extended_key_usage: frozenset[str] | None  # dotted OIDs
    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    subject_key_id: bytes | None
    authority_key_id: bytes | None
    name_constraints: x509.NameConstraints | None

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return self.parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def may_sign_certificates(self) -> bool:
        """CA flag, and keyCertSign where key usage is told at all."""
        return self.is_ca and (self.key_usage is None or self.key_usage.key_cert_sign)


def read(der: bytes) -> Certificate:
    """Raises: InvalidArgument, naming what cannot be read or is not understood."""
    if len(der) > MAX_SIZE:
        raise InvalidArgument(f"certificate has {len(der)} bytes, at most {MAX_SIZE} are allowed")
    try:
        parsed = x509.load_der_x509_certificate(der)
        return _facts(der, parsed, parsed.extensions)
    except FAULTS as why:
        raise InvalidArgument(f"certificate cannot be read: {why}") from why


def _facts(der: bytes, parsed: x509.Certificate, extensions: x509.Extensions) -> Certificate:
    by_type = {extension.oid: extension.value for extension in extensions}
    for extension in extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            raise InvalidArgument(
                f'certificate has the critical extension "{extension.oid.dotted_string}", which is not understood'
            )
    check_key(parsed.public_key())
    constraints = by_type.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = by_type.get(ExtensionOID.KEY_USAGE)
    extended = by_type.get(ExtensionOID.EXTENDED_KEY_USAGE)
    names = by_type.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    subject = by_type.get(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    authority = by_type.get(ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    limits = by_type.get(ExtensionOID.NAME_CONSTRAINTS)
    san = names if isinstance(names, x509.SubjectAlternativeName) else None
    basic = constraints if isinstance(constraints, x509.BasicConstraints) else None
    return Certificate(
        der=der,
        parsed=parsed,
        subject=parsed.subject,
        issuer=parsed.issuer,
        serial_number=parsed.serial_number,
        not_before=parsed.not_valid_before_utc,
        not_after=parsed.not_valid_after_utc,
        is_ca=basic is not None and basic.ca,
        path_length=basic.path_length if basic is not None else None,
        key_usage=usage if isinstance(usage, x509.KeyUsage) else None,
        extended_key_usage=(
            frozenset(oid.dotted_string for oid in extended)
            if isinstance(extended, x509.ExtendedKeyUsage)
            else None
        ),
        uris=tuple(san.get_values_for_type(x509.UniformResourceIdentifier)) if san else (),
        dns_names=tuple(san.get_values_for_type(x509.DNSName)) if san else (),
        subject_key_id=subject.digest if isinstance(subject, x509.SubjectKeyIdentifier) else None,
        authority_key_id=(
            authority.key_identifier if isinstance(authority, x509.AuthorityKeyIdentifier) else None
        ),
        name_constraints=limits if isinstance(limits, x509.NameConstraints) else None,
    )


def check_key(key: object) -> PublicKey:
    """The key itself, if it is RSA of a bearable size or on a named curve. Raises: InvalidArgument."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidArgument(f'key type "{type(key).__name__}" is not supported')
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise InvalidArgument(
            f"RSA key has {key.key_size} bits, {MIN_RSA_BITS} to {MAX_RSA_BITS} are allowed"
        )
    return key


def load_public_key(der: bytes) -> PublicKey:
    """From SubjectPublicKeyInfo. Raises: InvalidArgument."""
    try:
        return check_key(load_der_public_key(der))
    except FAULTS as why:
        raise InvalidArgument("public key cannot be read") from why
