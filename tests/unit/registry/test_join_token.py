"""Join tokens."""

from __future__ import annotations

from finial.registry.join_token import JoinToken


def test_expiry() -> None:
    token = JoinToken("secret", 100)
    assert not token.expired(100)
    assert token.expired(100.5)


def test_value_is_kept_out_of_repr() -> None:
    assert "secret" not in repr(JoinToken("secret", 100))
