"""SSH signatures on the wire."""

from __future__ import annotations

import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from finial.errors import InvalidArgument
from finial.plugins.node.sshpop.exchange import (
    check_signature,
    new_challenge,
    read_integer,
    respond,
    sign,
    verify,
    write_integer,
)

KEY = ec.generate_private_key(ec.SECP256R1())


def test_a_response_answers_its_challenge_only() -> None:
    nonce, challenge = new_challenge()
    response = respond(KEY, challenge)
    assert set(json.loads(response)["Signature"]) == {"Format", "Blob", "Rest"}
    verify(KEY.public_key(), nonce, response)
    with pytest.raises(InvalidArgument, match="failed to verify signature"):
        verify(KEY.public_key(), new_challenge()[0], response)


def test_integers_are_positive_and_bounded() -> None:
    for value in (1, 127, 128, 1 << 255):
        assert read_integer(write_integer(value) + b"x") == (value, b"x")
    for data in (b"", b"\0\0\0\0", b"\0\0\0\x01\x80", b"\0\0\0\x02\x01", b"\0\0\x01\0" + b"\x01" * 256):
        with pytest.raises(ValueError):
            read_integer(data)


def test_a_format_of_another_key_or_more_than_a_signature_is_refused() -> None:
    form, blob = sign(KEY, b"data")
    check_signature(KEY.public_key(), form, blob, b"data")
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    for key, name, data in (
        (KEY.public_key(), "ssh-ed25519", blob),
        (KEY.public_key(), form, blob + b"x"),
        (other, form, blob),
    ):
        with pytest.raises(ValueError):
            check_signature(key, name, data, b"data")
    with pytest.raises(InvalidSignature):
        check_signature(KEY.public_key(), form, blob, b"other")
