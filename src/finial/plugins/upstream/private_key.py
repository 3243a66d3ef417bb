"""A private key in a PEM file: PKCS #8, PKCS #1 or SEC 1, as Go reads it. Nothing of it is ever in an error."""

from __future__ import annotations

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from finial.errors import InvalidArgument
from finial.plugin.kinds import PrivateKey

TYPES = ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL)


def load_pem(data: bytes) -> PrivateKey:
    """The file must hold this one block. Raises: InvalidArgument, in SPIRE's words."""
    blocks = list(BLOCK.finditer(data))
    if not blocks:
        raise InvalidArgument("no PEM blocks")
    for block in blocks:
        kind = block[1].decode()
        if kind not in TYPES:
            expected = " ".join(f'"{one}"' for one in TYPES)
            raise InvalidArgument(f'expected block type [{expected}]; got "{kind}"')
    if len(blocks) != 1:
        raise InvalidArgument(f"expected 1 PEM blocks; got {len(blocks)}")
    return _key(blocks[0][0], blocks[0][1].decode())


def _key(block: bytes, kind: str) -> PrivateKey:
    try:
        key = load_pem_private_key(block, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidArgument(f'unable to parse "{kind}" PEM block 1: not a private key') from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise InvalidArgument("the key is neither ECDSA nor RSA")
    return key
