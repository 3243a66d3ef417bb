"""Signing JWT-SVIDs: a checked request in, a token out. Synchronous and thread-safe: for a thread pool.

Header members stand in the order alg, kid, typ, claims in that of their names, as Go writes them.
No token outlives its key. SPIRE 1.15 `credtemplate`: no nbf; iss only where configured; jti on request.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from finial.authority.ca import public_bytes, require_unexpired
from finial.authority.journal import JwtKeyRecord, Status
from finial.authority.policy import CheckedJwt, JwtRequest, Policy
from finial.plugin.kinds import PrivateKey
from finial.spiffe.bundle import JwtAuthority
from finial.svid.jwt import REGISTRY, JwtSvid, parse_unverified

KEY_ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
KEY_ID_LENGTH = 32
GO_ESCAPES = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}  # so that JSON may stand in HTML


@dataclass(frozen=True, slots=True)
class JwtKey:
    """What signs JWT-SVIDs."""

    key_id: str
    private_key: PrivateKey = field(repr=False)
    not_after: datetime  # aware UTC

    @property
    def authority(self) -> JwtAuthority:
        """Its half in the bundle."""
        return JwtAuthority(self.key_id, public_bytes(self.private_key), int(self.not_after.timestamp()))

    @property
    def algorithm(self) -> str:
        """RS256 for RSA, ES256 and ES384 by curve."""
        if not isinstance(self.private_key, ec.EllipticCurvePrivateKey):
            return "RS256"
        return {256: "ES256", 384: "ES384"}[self.private_key.curve.key_size]

    def record(self, slot_id: str, issued_at: int) -> JwtKeyRecord:
        """Its line in the journal, as prepared. `issued_at` is Unix seconds."""
        return JwtKeyRecord(
            slot_id=slot_id,
            issued_at=issued_at,
            not_after=int(self.not_after.timestamp()),
            key_id=self.key_id,
            public_key=public_bytes(self.private_key),
            status=Status.PREPARED,
            authority_id=self.key_id,
        )


class JwtIssuer:
    """Signs with one key."""

    def __init__(self, key: JwtKey, policy: Policy) -> None:
        self.key = key
        self._issuer, self._composition = policy.jwt_issuer, policy.composition
        self._header = {"alg": key.algorithm, "kid": key.key_id, "typ": "JWT"}
        private = key.private_key
        self._jwk = (
            ECKey(private, private)
            if isinstance(private, ec.EllipticCurvePrivateKey)
            else RSAKey(private, private)
        )

    def sign(self, checked: CheckedJwt, now: datetime) -> JwtSvid:
        """Raises: Internal if the key has expired."""
        require_unexpired("JWT key", self.key.not_after, now)
        request = checked.take()
        issued_at = int(now.timestamp())
        expires_at = min(issued_at + request.ttl, int(self.key.not_after.timestamp()))
        claims = self._claims(request, issued_at, expires_at)
        if self._composition:
            claims = self._composed(request, claims, now)
        token = jws.serialize_compact(self._header, _json(claims), self._jwk, registry=REGISTRY)
        if self._composition:
            return parse_unverified(token)
        return JwtSvid(
            token,
            request.id,
            request.audience,
            expires_at,
            issued_at,
            claims,
            self.key.key_id,
            self.key.algorithm,
        )

    def _composed(self, request: JwtRequest, claims: dict[str, object], now: datetime) -> dict[str, object]:
        end = int(self.key.not_after.timestamp())
        return self._composition.workload_jwt(request.id, claims, now.timestamp(), end)

    def _claims(self, request: JwtRequest, issued_at: int, expires_at: int) -> dict[str, object]:
        claims: dict[str, object] = {"aud": list(request.audience), "exp": expires_at, "iat": issued_at}
        if self._issuer:
            claims["iss"] = self._issuer
        if request.include_jti:
            claims["jti"] = base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
        return claims | {"sub": str(request.id)}


def _json(claims: Mapping[str, object]) -> str:
    """As Go writes it: members in the order of their names, no spaces, a few characters escaped."""
    text = json.dumps(claims, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return text.translate(GO_ESCAPES)


def new_key_id() -> str:
    """32 random letters and digits."""
    return "".join(secrets.choice(KEY_ID_CHARACTERS) for _ in range(KEY_ID_LENGTH))
