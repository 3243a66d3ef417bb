"""A JWT signing key for tests, made at run time; what it signs can be made wrong one claim at a time."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey

LIFETIME = 300


class TestJwtKey:
    """ES256 on P-256."""

    __test__ = False  # for pytest: a tool, not a test

    def __init__(
        self, key_id: str = "test-key", private_key: ec.EllipticCurvePrivateKey | None = None
    ) -> None:
        self.key_id = key_id
        self.private_key = private_key or ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        return self.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(
        self, subject: str, audience: list[str], now: float, *, lifetime: int = LIFETIME, **claims: Any
    ) -> str:
        """A token issued `now` (Unix seconds); further claims are added or replace those."""
        body = {"aud": audience, "exp": int(now) + lifetime, "iat": int(now), "sub": subject, **claims}
        pem = self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        header = {"alg": "ES256", "kid": self.key_id, "typ": "JWT"}
        return jws.serialize_compact(header, json.dumps(body).encode(), ECKey.import_key(pem))
