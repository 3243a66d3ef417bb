"""What is signed to prove that a key is held: SHA-256 over the challenger's nonce and the responder's. Pure but for
the random bytes. SPIRE 1.15 `pkg/common/plugin/{x509pop,sshpop}`."""

from __future__ import annotations

import hashlib
import os

from finial.errors import InvalidArgument

NONCE_SIZE = 32


def nonce() -> bytes:
    return os.urandom(NONCE_SIZE)


def combined(challenge: bytes, response: bytes) -> bytes:
    """Of both nonces; a responder cannot choose what is signed. Raises: InvalidArgument for one of another size."""
    for one, name in ((challenge, "challenge"), (response, "response")):
        if len(one) != NONCE_SIZE:
            raise InvalidArgument(f"invalid {name} nonce")
    return hashlib.sha256(challenge + response).digest()
