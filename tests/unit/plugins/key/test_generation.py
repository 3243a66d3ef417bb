"""Keys by SPIRE's words."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.plugin.kinds import KeyType
from finial.plugins.key.generation import generate


@pytest.mark.parametrize(
    ("key_type", "curve"), [(KeyType.EC_P256, ec.SECP256R1), (KeyType.EC_P384, ec.SECP384R1)]
)
def test_elliptic_curves(key_type: KeyType, curve: type[ec.EllipticCurve]) -> None:
    key = generate(key_type)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, curve)


@pytest.mark.slow
@pytest.mark.parametrize(("key_type", "size"), [(KeyType.RSA_2048, 2048), (KeyType.RSA_4096, 4096)])
def test_rsa(key_type: KeyType, size: int) -> None:
    key = generate(key_type)
    assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == size
