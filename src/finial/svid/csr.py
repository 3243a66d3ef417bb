"""Certificate signing request: PKCS#10 DER in and out. Pure.

A request proves that its sender holds the key. Nothing else of it is believed: names and IDs in it are
read only where an operator mints an SVID, and are judged there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.svid.certificate import FAULTS, MAX_SIZE, check_key
from finial.svid.subject import SPIRE, Subject

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")  # how such a public key begins


@dataclass(frozen=True, slots=True)
class Csr:
    """A read request, not verified until `check_signature` returns. The names in it are read when asked
    for, since most requests are signed for their key alone."""

    public_key: bytes = field(repr=False)  # DER SubjectPublicKeyInfo
    request: x509.CertificateSigningRequest = field(repr=False, compare=False)

    @property
    def quick(self) -> bool:
        """Whether `check_signature` takes microseconds, whatever the sender thought of: the key is on P-256."""
        return self.public_key.startswith(P256)

    def check_signature(self) -> None:
        """Costs about 90 us on P-256, without the GIL. Raises: InvalidArgument, in SPIRE's words."""
        try:
            valid = self.request.is_signature_valid
        except FAULTS as why:
            raise InvalidArgument(f"failed to verify CSR signature: {why}") from why
        if not valid:
            kind = "ECDSA" if isinstance(self.request.public_key(), ec.EllipticCurvePublicKey) else "RSA"
            raise InvalidArgument(f"failed to verify CSR signature: x509: {kind} verification failure")

    def names(self) -> Names:
        """Raises: InvalidArgument, "malformed CSR: ..."."""
        try:
            return Names(Subject.of(self.request.subject), *_alternative_names(self.request))
        except FAULTS as why:
            raise InvalidArgument(f"malformed CSR: {why}") from why


@dataclass(frozen=True, slots=True)
class Names:
    """What a request asks to be called, in its order."""

    subject: Subject
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]


def parse(der: bytes) -> Csr:
    """Raises: InvalidArgument, "malformed CSR: ..."."""
    if len(der) > MAX_SIZE:
        raise InvalidArgument(f"malformed CSR: {len(der)} bytes, at most {MAX_SIZE} are allowed")
    try:
        request = x509.load_der_x509_csr(der)
        key = check_key(request.public_key())
        return Csr(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), request)
    except FAULTS as why:
        raise InvalidArgument(f"malformed CSR: {why}") from why
    except InvalidArgument as why:
        raise why.within("malformed CSR") from why


def _alternative_names(
    request: x509.CertificateSigningRequest,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    dns_names = san.get_values_for_type(x509.DNSName)
    return tuple(dns_names), tuple(san.get_values_for_type(x509.UniformResourceIdentifier))


def create(
    private_key: PrivateKey,
    uri: SpiffeId | None = None,
    *,
    dns_names: Sequence[str] = (),
    subject: Subject | None = None,
) -> bytes:
    """A signed request in DER. The subject is C=US, O=SPIRE unless told, as SPIRE's agent asks."""
    builder = x509.CertificateSigningRequestBuilder().subject_name((subject or SPIRE).name())
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in dns_names]
    if uri is not None:
        names.append(x509.UniformResourceIdentifier(str(uri)))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(private_key, _hash_for(private_key)).public_bytes(Encoding.DER)


def _hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384() if key.curve.key_size <= 384 else hashes.SHA512()
    return hashes.SHA256()
