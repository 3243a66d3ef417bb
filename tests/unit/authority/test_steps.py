from __future__ import annotations

from finial.authority.slots import Kind
from finial.authority.steps import Prepare


def test_a_step_names_the_key_to_generate() -> None:
    assert Prepare(Kind.X509, "B").key_id == "x509-CA-B"
    assert Prepare(Kind.JWT, "A").key_id == "JWT-Signer-A"
