"""x509pop on the wire, for both halves: proof, challenge, response, and the signature that answers a challenge.

    {"certificates": [DER, leaf first]}
    {"rsa_signature": {"nonce"}, "ecdsa_signature": null}, or the other way round, by the leaf's key
    {"rsa_signature": {"nonce", "signature"}} or {"ecdsa_signature": {"nonce", "r", "s"}}

RSA is PSS with SHA-256; r and s are big-endian. SPIRE 1.15 `pkg/common/plugin/x509pop`.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from finial.errors import InvalidArgument, PermissionDenied
from finial.plugin.kinds import PrivateKey
from finial.plugins.node import message
from finial.plugins.node.possession import combined, nonce

NAME = "x509pop"
RSA, ECDSA = "rsa_signature", "ecdsa_signature"
DIGEST = Prehashed(hashes.SHA256())
MAX_INTEGER = 128  # bytes of r or s; P-521 needs 66

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


def encode_proof(chain: Sequence[bytes]) -> bytes:
    """`chain` is DER, leaf first."""
    return message.encode({"certificates": [message.to_text(der) for der in chain]})


def decode_proof(payload: bytes) -> tuple[bytes, ...]:
    """The chain, not read. Raises: InvalidArgument, in SPIRE's words."""
    failure = "failed to unmarshal data"
    listed = message.decode(payload, failure).get("certificates")
    if listed is not None and not isinstance(listed, list):
        raise InvalidArgument(f'{failure}: "certificates" is no list')
    if not listed:
        raise InvalidArgument("no certificate to attest")
    return tuple(message.from_text(one, f"{failure}: certificate") for one in listed)


def new_challenge(key: PublicKey) -> tuple[bytes, bytes]:
    """The nonce, and the challenge that carries it."""
    made = nonce()
    wanted = kind_of(key)
    parts = {kind: {"nonce": message.to_text(made)} if kind == wanted else None for kind in (RSA, ECDSA)}
    return made, message.encode(parts)


def kind_of(key: PublicKey | PrivateKey) -> str:
    return RSA if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) else ECDSA


def respond(key: PrivateKey, challenge: bytes) -> bytes:
    """Raises: InvalidArgument for a challenge that is none for this key."""
    failure = "unable to unmarshal challenge"
    kind = kind_of(key)
    asked = message.part(message.decode(challenge, failure), kind, failure)
    if asked is None:
        raise InvalidArgument(f"failed to calculate challenge response: expecting {told(kind)} challenge")
    mine = nonce()
    digest = combined(message.data_of(asked, "nonce", failure), mine)
    parts: dict[str, object] = {RSA: None, ECDSA: None}
    parts[kind] = {"nonce": message.to_text(mine)} | sign(key, digest)
    return message.encode(parts)


def sign(key: PrivateKey, digest: bytes) -> dict[str, str]:
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
        return {"signature": message.to_text(key.sign(digest, pss, DIGEST))}
    r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(DIGEST)))
    return {
        name: message.to_text(one.to_bytes((one.bit_length() + 7) // 8)) for name, one in (("r", r), ("s", s))
    }


def verify(key: PublicKey, challenge_nonce: bytes, response: bytes) -> None:
    """Raises: InvalidArgument for a response that is none, PermissionDenied for one that proves nothing."""
    failure = "unable to unmarshal challenge response"
    kind = kind_of(key)
    answer = message.part(message.decode(response, failure), kind, failure)
    if answer is None:
        raise _unproved(f"expecting {told(kind)} response")
    try:
        digest = combined(challenge_nonce, message.data_of(answer, "nonce", failure))
    except InvalidArgument as why:
        raise _unproved(why.message) from why
    try:
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            key.verify(message.data_of(answer, "signature", failure), digest, pss, DIGEST)
        else:
            r, s = (_integer(answer, name, failure) for name in ("r", "s"))
            key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(DIGEST))
    except InvalidSignature:
        raise _unproved(f"{told(kind)} signature verify failed") from None


def _integer(answer: message.Message, name: str, failure: str) -> int:
    data = message.data_of(answer, name, failure)
    if len(data) > MAX_INTEGER:
        raise InvalidSignature
    return int.from_bytes(data)


def _unproved(why: str) -> PermissionDenied:
    return PermissionDenied(f"challenge response verification failed: {why}")


def told(kind: str) -> str:
    return "RSA" if kind == RSA else "ECDSA"
