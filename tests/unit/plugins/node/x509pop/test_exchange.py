"""x509pop on the wire."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.errors import InvalidArgument, PermissionDenied
from finial.plugins.node.x509pop.exchange import decode_proof, encode_proof, new_challenge, respond, verify

EC, RSA = ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)


def test_a_proof_travels_whole() -> None:
    assert decode_proof(encode_proof([b"leaf", b"ca"])) == (b"leaf", b"ca")


@pytest.mark.parametrize("key", [EC, RSA], ids=["ec", "rsa"])
def test_a_challenge_is_of_the_keys_kind(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    nonce, challenge = new_challenge(key.public_key())
    parts = json.loads(challenge)
    assert set(parts) == {"rsa_signature", "ecdsa_signature"} and list(parts.values()).count(None) == 1
    verify(key.public_key(), nonce, respond(key, challenge))
    with pytest.raises(PermissionDenied, match="signature verify failed"):
        verify(key.public_key(), bytes(32), respond(key, challenge))


def test_a_challenge_for_another_kind_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="expecting RSA challenge"):
        respond(RSA, new_challenge(EC.public_key())[1])
    nonce, challenge = new_challenge(EC.public_key())
    with pytest.raises(PermissionDenied, match="expecting RSA response"):
        verify(RSA.public_key(), nonce, respond(EC, challenge))
