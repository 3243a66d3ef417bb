"""An SSH host certificate: its bytes in, the checked certificate out. Pure: time comes in. PROTOCOL.certkeys.

What is asked: a host's, of a known authority, valid now, with a principal and without critical options, of which
none is known for hosts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
    load_ssh_public_key,
)

from finial.errors import InvalidArgument
from finial.plugins.node.sshpop.exchange import PublicKey, read_string

MAX_SIZE = 64 * 1024  # bytes of a certificate
MAX_RSA_BITS = 8192
FAULTS = (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error, InvalidSignature, UserWarning)


@dataclass(frozen=True, slots=True)
class HostCertificate:
    """A certificate that was read; `check` says whether it is to be believed."""

    data: bytes = field(repr=False)
    parsed: SSHCertificate = field(repr=False, compare=False)
    key: PublicKey = field(repr=False, compare=False)
    principals: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its bytes, unpadded base64 for URLs."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.data).digest()).rstrip(b"=").decode()

    def check(self, authorities: Collection[bytes], now: float) -> None:
        """`authorities`: see `authority`. Raises: InvalidArgument, naming the broken rule."""
        parsed = self.parsed
        if parsed.type is not SSHCertificateType.HOST:
            raise InvalidArgument(f"ssh: certificate presented as a host key has type {parsed.type.value}")
        try:
            signer = parsed.signature_key()
        except FAULTS:
            raise InvalidArgument("ssh: key of the certificate's authority cannot be read") from None
        if encoded(signer) not in authorities:
            raise InvalidArgument(f"ssh: no authorities for hostname: {self.principals[0]}:22")
        if parsed.critical_options:
            names = ", ".join(sorted(one.decode("utf-8", "replace") for one in parsed.critical_options))
            raise InvalidArgument(f'ssh: unsupported critical option "{names}" in certificate')
        if now < parsed.valid_after:
            raise InvalidArgument("ssh: cert is not yet valid")
        if now >= parsed.valid_before:
            raise InvalidArgument("ssh: cert has expired")
        try:
            parsed.verify_cert_signature()
        except FAULTS:
            raise InvalidArgument("ssh: certificate signature does not verify") from None


def read(data: bytes) -> HostCertificate:
    """Raises: InvalidArgument."""
    if len(data) > MAX_SIZE:
        raise InvalidArgument(
            f"failed to parse public key: {len(data)} bytes, at most {MAX_SIZE} are allowed"
        )
    try:
        kind, _ = read_string(data)
        parsed = load_ssh_public_identity(kind + b" " + base64.b64encode(data))
    except FAULTS as why:
        raise InvalidArgument(f"failed to parse public key: {why}") from why
    if not isinstance(parsed, SSHCertificate):
        raise InvalidArgument("pubkey in response is not a certificate")
    principals = tuple(one.decode("utf-8", "replace") for one in parsed.valid_principals)
    if not principals:
        raise InvalidArgument("cert has no valid principals")
    return HostCertificate(data, parsed, _supported(parsed.public_key()), principals)


def _supported(key: object) -> PublicKey:
    if not isinstance(key, PublicKey):
        raise InvalidArgument(f"failed to parse public key: {type(key).__name__} is not supported")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size > MAX_RSA_BITS:
        raise InvalidArgument(f"failed to parse public key: RSA key has more than {MAX_RSA_BITS} bits")
    return key


def encoded(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) -> bytes:
    """What authorities are told apart by."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def authority(line: str) -> bytes:
    """A line of `authorized_keys` form, options before the key passed over. Raises: InvalidArgument."""
    words = line.split()
    for index in range(len(words) - 1):
        if words[index].startswith(("ssh-", "ecdsa-")):
            try:
                key = load_ssh_public_key(" ".join(words[index : index + 2]).encode())
                return encoded(_supported(key))
            except (InvalidArgument, *FAULTS):
                break
    raise InvalidArgument(f'failed to parse public key "{line}": ssh: no key found')
