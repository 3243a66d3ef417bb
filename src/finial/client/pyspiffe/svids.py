"""py-spiffe's SVIDs, as they come from the Workload API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Never

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from finial.client.identity import Identity
from finial.client.pyspiffe.bundles import JwtBundle
from finial.client.pyspiffe.errors import ArgumentError, InvalidTokenError, not_offered
from finial.client.pyspiffe.ids import SpiffeId
from finial.errors import FinialError
from finial.runtime.clock import SystemClock
from finial.spiffe.bundle import BundleSet
from finial.svid import jwt

ON_DISK = "a key on a disk outlives its rotation: take the SVID from the source when it is needed"


class X509Svid:
    """`cert_chain`: certificates of `cryptography`, leaf first; `private_key` likewise."""

    def __init__(self, spiffe_id: SpiffeId, cert_chain: Sequence[x509.Certificate], private_key: Any) -> None:
        if not cert_chain:
            raise ArgumentError("cert_chain cannot be empty")
        self._spiffe_id, self._chain, self._key = spiffe_id, list(cert_chain), private_key

    @classmethod
    def of(cls, identity: Identity) -> X509Svid:
        """From Finial's own. Raises: ValueError for a key that cannot be read."""
        chain = [x509.load_der_x509_certificate(der) for der in identity.svid.chain]
        return cls(SpiffeId(str(identity.id)), chain, load_der_private_key(identity.key, None))

    @property
    def spiffe_id(self) -> SpiffeId:
        return self._spiffe_id

    @property
    def leaf(self) -> x509.Certificate:
        return self._chain[0]

    @property
    def cert_chain(self) -> list[x509.Certificate]:
        return list(self._chain)

    @property
    def private_key(self) -> Any:
        return self._key

    def save(self, certs_chain_path: object, private_key_path: object, encoding: object) -> Never:
        not_offered("X509Svid.save", ON_DISK)

    @classmethod
    def load(cls, certs_chain_path: object, private_key_path: object, encoding: object) -> Never:
        not_offered("X509Svid.load", ON_DISK)

    @classmethod
    def parse(cls, certs_chain_bytes: bytes, private_key_bytes: bytes) -> Never:
        not_offered("X509Svid.parse", ON_DISK)

    @classmethod
    def parse_raw(cls, certs_chain_bytes: bytes, private_key_bytes: bytes) -> Never:
        not_offered("X509Svid.parse_raw", ON_DISK)


class JwtSvid:
    """`expiry`: Unix seconds."""

    def __init__(
        self,
        spiffe_id: SpiffeId,
        audience: str | Iterable[str],
        expiry: int,
        claims: dict[str, Any],
        token: str,
    ) -> None:
        self._spiffe_id, self._expiry, self._claims, self._token = spiffe_id, expiry, claims, token
        self._audience = {audience} if isinstance(audience, str) else set(audience)

    @classmethod
    def of(cls, svid: jwt.JwtSvid) -> JwtSvid:
        """From Finial's own."""
        return cls(SpiffeId(str(svid.id)), svid.audience, int(svid.expires_at), svid.claims, svid.token)

    @property
    def spiffe_id(self) -> SpiffeId:
        return self._spiffe_id

    @property
    def audience(self) -> set[str]:
        return set(self._audience)

    @property
    def expiry(self) -> int:
        return self._expiry

    @property
    def token(self) -> str:
        return self._token

    @classmethod
    def parse_and_validate(cls, token: str, jwt_bundle: JwtBundle, audience: Iterable[str]) -> JwtSvid:
        """Checks signature, time and audience, by the bundle of the token's own trust domain.

        Raises: InvalidTokenError, ArgumentError for no token.
        """
        if not token:
            raise ArgumentError("token cannot be empty")
        try:
            trusted = BundleSet.of(jwt_bundle.checked())
            return cls.of(jwt.verify(token, trusted, tuple(audience), SystemClock().unix()))
        except FinialError as why:
            raise InvalidTokenError(str(why)) from why

    @classmethod
    def parse_insecure(cls, token: str, audience: Iterable[str]) -> Never:
        not_offered("JwtSvid.parse_insecure", "use parse_and_validate: nobody has verified such a token")
