"""A presented chain against roots: DER in, the read leaf and every path to a root out. Pure, bounded.

Number of certificates and size of keys are judged before anything is computed with them. A leaf that is itself
among the roots is trusted. What a path must keep, `svid.verify` says; key usages of issuers are not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.errors import Internal, InvalidArgument, PermissionDenied
from finial.svid.certificate import FAULTS, Certificate, read
from finial.svid.verify import PathSearch

Path = tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """`rsa_bits` beyond what `svid.certificate` reads has no further effect."""

    intermediates: int
    rsa_bits: int


@dataclass(frozen=True, slots=True)
class Trusted:
    """A leaf with all paths that were found, each leaf first, root last."""

    leaf: Certificate
    paths: tuple[Path, ...]

    @property
    def key(self) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
        """Raises: Internal for a key that is not meant to sign."""
        usage = self.leaf.key_usage
        if usage is None or not usage.digital_signature:
            raise Internal("unable to generate challenge: certificate not intended for digital signature use")
        key = self.leaf.parsed.public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise Internal(f"unable to generate challenge: unsupported public key type {type(key).__name__}")
        return key


def verify(chain: Sequence[bytes], roots: Sequence[Certificate], limits: Limits, now: datetime) -> Trusted:
    """`chain` is DER, leaf first, not empty. Raises: InvalidArgument for one that cannot be read or is beyond
    the limits, PermissionDenied for one that no root vouches for."""
    if len(chain) - 1 > limits.intermediates:
        raise InvalidArgument("too many intermediate certificates")
    leaf = _read(chain[0], "leaf certificate", limits)
    intermediates = [
        _read(der, f"intermediate certificate {index}", limits) for index, der in enumerate(chain[1:])
    ]
    search = PathSearch(intermediates, roots, now, spiffe=False)
    paths = tuple(search.paths((leaf,)))
    if not paths and any(root.der == leaf.der for root in roots) and leaf.not_before <= now <= leaf.not_after:
        paths = ((leaf,),)
    if not paths:
        raise PermissionDenied(f"certificate verification failed: x509: {search.why}")
    return Trusted(leaf, paths)


def _read(der: bytes, name: str, limits: Limits) -> Certificate:
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except FAULTS:
        raise InvalidArgument(f"unable to parse {name}: x509: malformed certificate") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size > limits.rsa_bits:
        raise InvalidArgument(f"{name} key size too large")
    try:
        return read(der)
    except InvalidArgument as why:
        raise why.within(f"unable to parse {name}") from why
