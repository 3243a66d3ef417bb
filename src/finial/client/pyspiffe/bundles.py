"""py-spiffe's bundles, read only: what the Workload API says may be trusted, by trust domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Never, Protocol, Self, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from finial.client.pyspiffe.errors import ArgumentError, not_offered
from finial.client.pyspiffe.ids import TrustDomain
from finial.spiffe import bundle as bundles

REPLACED = "a bundle here is what the agent said: take the next one from the source"
STORED = "write the certificates yourself, or let the agent serve them"


class X509Bundle:
    """`x509_authorities`: certificates of `cryptography`."""

    def __init__(
        self, trust_domain: TrustDomain, x509_authorities: Iterable[x509.Certificate] | None
    ) -> None:
        self._trust_domain, self._authorities = trust_domain, frozenset(x509_authorities or ())

    @classmethod
    def of(cls, bundle: bundles.Bundle) -> X509Bundle:
        """From Finial's own."""
        roots = map(x509.load_der_x509_certificate, bundle.x509_roots)
        return cls(TrustDomain(bundle.trust_domain.name), roots)

    @property
    def trust_domain(self) -> TrustDomain:
        return self._trust_domain

    @property
    def x509_authorities(self) -> set[x509.Certificate]:
        return set(self._authorities)

    def add_authority(self, x509_authority: x509.Certificate) -> Never:
        not_offered("X509Bundle.add_authority", REPLACED)

    def remove_authority(self, x509_authority: x509.Certificate) -> Never:
        not_offered("X509Bundle.remove_authority", REPLACED)

    def save(self, bundle_path: object, encoding: object) -> Never:
        not_offered("X509Bundle.save", STORED)

    @classmethod
    def load(cls, trust_domain: TrustDomain, bundle_path: object, encoding: object) -> Never:
        not_offered("X509Bundle.load", STORED)

    @classmethod
    def parse(cls, trust_domain: TrustDomain, bundle_bytes: bytes) -> Never:
        not_offered("X509Bundle.parse", STORED)

    @classmethod
    def parse_raw(cls, trust_domain: TrustDomain, bundle_bytes: bytes) -> Never:
        not_offered("X509Bundle.parse_raw", STORED)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, X509Bundle) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[TrustDomain, frozenset[x509.Certificate]]:
        return self._trust_domain, self._authorities


class JwtBundle:
    """`jwt_authorities`: public keys of `cryptography` by key ID."""

    def __init__(self, trust_domain: TrustDomain, jwt_authorities: Mapping[str, Any]) -> None:
        self._trust_domain = trust_domain
        self._authorities = dict(jwt_authorities)
        self._checked = bundles.Bundle(trust_domain.checked())

    @classmethod
    def of(cls, bundle: bundles.Bundle) -> JwtBundle:
        """From Finial's own."""
        keys = {one.key_id: load_der_public_key(one.public_key) for one in bundle.jwt_authorities}
        made = cls(TrustDomain(bundle.trust_domain.name), keys)
        made._checked = bundle
        return made

    @property
    def trust_domain(self) -> TrustDomain:
        return self._trust_domain

    @property
    def jwt_authorities(self) -> dict[str, Any]:
        return dict(self._authorities)

    def get_jwt_authority(self, key_id: str | None) -> Any | None:
        """None for an ID that is not there. Raises: ArgumentError for an empty one."""
        if not key_id:
            raise ArgumentError("key_id cannot be empty")
        return self._authorities.get(key_id)

    def checked(self) -> bundles.Bundle:
        """As the rest of Finial knows it."""
        return self._checked

    @classmethod
    def parse(cls, trust_domain: TrustDomain, bundle_bytes: bytes) -> Never:
        not_offered("JwtBundle.parse", "bundles come from the Workload API")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JwtBundle) and (self._trust_domain, self._authorities) == (
            other._trust_domain,
            other._authorities,
        )

    def __hash__(self) -> int:
        return hash((self._trust_domain, frozenset(self._authorities)))


class _OfDomain(Protocol):
    @property
    def trust_domain(self) -> TrustDomain: ...


B = TypeVar("B", bound=_OfDomain)


class _BundleSet(Generic[B]):
    def __init__(self, bundles: Mapping[TrustDomain, B] | None) -> None:
        self._bundles = {domain.name: bundle for domain, bundle in (bundles or {}).items()}

    @classmethod
    def of(cls, bundle_list: Iterable[B]) -> Self:
        return cls({one.trust_domain: one for one in bundle_list})

    @classmethod
    def from_set(cls, found: bundles.BundleSet, convert: Callable[[bundles.Bundle], B]) -> Self:
        """From Finial's own."""
        return cls.of(map(convert, found.bundles.values()))

    @property
    def bundles(self) -> set[B]:
        return set(self._bundles.values())

    def get_bundle_for_trust_domain(self, trust_domain: TrustDomain) -> B | None:
        return self._bundles.get(trust_domain.name)

    def put(self, bundle: B) -> Never:
        not_offered(f"{type(self).__name__}.put", REPLACED)


class X509BundleSet(_BundleSet[X509Bundle]):
    pass


class JwtBundleSet(_BundleSet[JwtBundle]):
    pass
