"""What is signed to prove a key."""

from __future__ import annotations

import hashlib

import pytest

from finial.errors import InvalidArgument
from finial.plugins.node.possession import NONCE_SIZE, combined, nonce


def test_both_nonces_are_in_it() -> None:
    one, other = nonce(), nonce()
    assert one != other and len(one) == NONCE_SIZE
    assert combined(one, other) == hashlib.sha256(one + other).digest()


def test_a_nonce_of_another_size_is_refused() -> None:
    for pair, name in (((b"", nonce()), "challenge"), ((nonce(), nonce() + b"x"), "response")):
        with pytest.raises(InvalidArgument, match=f"invalid {name} nonce"):
            combined(*pair)
