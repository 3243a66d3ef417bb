"""Private keys in PEM files."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from finial.errors import InvalidArgument
from finial.plugins.upstream.private_key import load_pem

EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, form: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def test_each_form_of_a_key_is_read() -> None:
    for key in (EC, RSA):
        for form in (PKCS8, TRADITIONAL):
            text = b"some text before\n" + pem(key, form) + b"and after\n"
            assert load_pem(text).private_numbers() == key.private_numbers()


def test_what_is_no_single_key_is_refused_without_showing_it() -> None:
    public = EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = pem(EC, PKCS8).split(b"\n")[1]
    edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PKCS8, NoEncryption())
    for data, refusal in (
        (b"", "no PEM blocks"),
        (pem(EC, PKCS8) * 2, "expected 1 PEM blocks; got 2"),
        (
            public,
            r'expected block type \["PRIVATE KEY" "RSA PRIVATE KEY" "EC PRIVATE KEY"\]; got "PUBLIC KEY"',
        ),
        (pem(EC, PKCS8).replace(secret, secret[:20]), 'unable to parse "PRIVATE KEY" PEM block 1'),
        (edwards, "neither ECDSA nor RSA"),
    ):
        with pytest.raises(InvalidArgument, match=refusal) as caught:
            load_pem(data)
        assert secret.decode()[:20] not in str(caught.value)
