"""Claims of http_challenge."""

from __future__ import annotations

import base64
import json

from finial.plugins.node.http_challenge.exchange import (
    Claim,
    decode_challenge,
    decode_proof,
    encode_proof,
    new_challenge,
    path_of,
)


def test_a_claim_travels_as_spire_writes_it() -> None:
    claim = Claim("node.example", "default", 80)
    assert json.loads(encode_proof(claim)) == {"hostname": "node.example", "agentname": "default", "port": 80}
    assert decode_proof(encode_proof(claim)) == claim
    assert path_of("a") == "/.well-known/spiffe/nodeattestor/http_challenge/a/challenge"


def test_a_nonce_is_32_random_bytes() -> None:
    nonce, challenge = new_challenge()
    assert decode_challenge(challenge) == nonce != new_challenge()[0]
    assert len(base64.urlsafe_b64decode(nonce)) == 32
