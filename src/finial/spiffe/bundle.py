"""Trust bundle of one trust domain: the public keys that may sign its SVIDs. Pure values.

Keys are bytes here (DER certificates, DER SubjectPublicKeyInfo), so that a bundle costs nothing to hold,
compare or send; who verifies loads them. A tainted key still verifies, but nothing new is signed by it.
Spec: SPIFFE Trust Domain and Bundle 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from finial.errors import InvalidArgument
from finial.spiffe.trust_domain import TrustDomain

Authority = TypeVar("Authority")


@dataclass(frozen=True, slots=True)
class X509Authority:
    """A CA certificate that anchors X.509-SVIDs."""

    der: bytes
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class JwtAuthority:
    """A key that verifies JWT-SVIDs (or WIT-SVIDs)."""

    key_id: str
    public_key: bytes  # DER SubjectPublicKeyInfo
    expires_at: int = 0  # Unix seconds; 0: not told
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """Order of authorities is kept as stored: oldest first, as SPIRE appends."""

    trust_domain: TrustDomain
    x509_authorities: tuple[X509Authority, ...] = ()
    jwt_authorities: tuple[JwtAuthority, ...] = ()
    wit_authorities: tuple[JwtAuthority, ...] = ()
    refresh_hint: int = 0  # seconds; 0: not told
    sequence_number: int = 0

    @property
    def x509_roots(self) -> tuple[bytes, ...]:
        """DER certificates, tainted ones too."""
        return tuple(authority.der for authority in self.x509_authorities)

    def jwt_authority(self, key_id: str) -> JwtAuthority | None:
        return next((one for one in self.jwt_authorities if one.key_id == key_id), None)

    def appended(self, other: Bundle) -> Bundle:
        """With the other's authorities that are missing here added at the end, and only then the
        sequence number raised by one. The same object if nothing is missing. SPIRE 1.15 AppendBundle."""
        if other.trust_domain != self.trust_domain:
            raise InvalidArgument(
                f'bundle of "{other.trust_domain}" cannot be appended to that of "{self.trust_domain}"'
            )
        known = {one.der for one in self.x509_authorities}
        x509 = _missing(other.x509_authorities, lambda one: one.der in known)
        jwt_ids = {one.key_id for one in self.jwt_authorities}
        jwt = _missing(other.jwt_authorities, lambda one: one.key_id in jwt_ids)
        wit_ids = {one.key_id for one in self.wit_authorities}
        wit = _missing(other.wit_authorities, lambda one: one.key_id in wit_ids)
        if not (x509 or jwt or wit):
            return self
        return replace(
            self,
            x509_authorities=self.x509_authorities + x509,
            jwt_authorities=self.jwt_authorities + jwt,
            wit_authorities=self.wit_authorities + wit,
            sequence_number=self.sequence_number + 1,
        )


@dataclass(frozen=True, slots=True)
class BundleSet:
    """Bundles by trust domain: what a verifier trusts, each for its own domain only."""

    bundles: dict[TrustDomain, Bundle] = field(default_factory=dict)

    @classmethod
    def of(cls, *bundles: Bundle) -> BundleSet:
        return cls({bundle.trust_domain: bundle for bundle in bundles})

    def get(self, trust_domain: TrustDomain) -> Bundle | None:
        return self.bundles.get(trust_domain)

    def __len__(self) -> int:
        return len(self.bundles)


def _missing(given: Iterable[Authority], known: Callable[[Authority], bool]) -> tuple[Authority, ...]:
    """What is not known yet, each once, in the given order."""
    return tuple(dict.fromkeys(one for one in given if not known(one)))
