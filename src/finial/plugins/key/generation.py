"""New private keys by SPIRE's words for their types."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.plugin.kinds import KeyType, PrivateKey

RSA_EXPONENT = 65537


def generate(key_type: KeyType) -> PrivateKey:
    """Takes microseconds for EC and up to seconds for RSA 4096, without the GIL: off the loop."""
    match key_type:
        case KeyType.EC_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyType.EC_P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyType.RSA_2048:
            return rsa.generate_private_key(RSA_EXPONENT, 2048)
        case KeyType.RSA_4096:
            return rsa.generate_private_key(RSA_EXPONENT, 4096)
