"""Seals: what makes a chain that was written anew, as a whole, tell itself. Pure.

Whoever may write the file may also compute new digests. A seal is an HMAC over the digest before it, by a key that is
replaced with its own hash after each seal: who takes over the machine finds the key of the next seal and none before,
so what was sealed until then cannot be forged, nor taken back. Whoever keeps the first key elsewhere can check all.
The same construction as in systemd's journal (forward secure sealing).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

SEALED = "audit/sealed"
KEY_SIZE = 32
NEXT = b"finial audit: next key"


@dataclass(frozen=True, slots=True)
class SealKey:
    """The key of seal `number`, counted from 0."""

    number: int
    key: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SealKey:
        return cls(0, secrets.token_bytes(KEY_SIZE))

    def seal(self, digest: bytes) -> str:
        """Over the digest of the record before the seal; hex."""
        text = self.number.to_bytes(8, "big") + digest
        return hmac.new(self.key, text, sha256).hexdigest()

    def is_seal(self, mac: object, digest: bytes) -> bool:
        return isinstance(mac, str) and mac.isascii() and hmac.compare_digest(mac, self.seal(digest))

    def next(self) -> SealKey:
        return SealKey(self.number + 1, hmac.new(self.key, NEXT, sha256).digest())

    def at(self, number: int) -> SealKey:
        """The key of a later seal; a key never gives those before it. `number` is not below its own."""
        key = self
        while key.number < number:
            key = key.next()
        return key
