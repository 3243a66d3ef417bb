"""Join token, agent's half."""

from __future__ import annotations

import asyncio

import pytest

from finial.errors import InvalidArgument
from finial.plugins.node.join_token.agent import JoinTokenAttestor


def test_the_payload_is_the_raw_token() -> None:
    assert asyncio.run(JoinTokenAttestor("abc").payload()) == b"abc"


def test_without_a_token_nothing_is_sent() -> None:
    with pytest.raises(InvalidArgument, match="join token was not provided"):
        asyncio.run(JoinTokenAttestor("").payload())


def test_a_challenge_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="challenge"):
        asyncio.run(JoinTokenAttestor("abc").respond(b"x"))


def test_the_token_is_in_no_representation() -> None:
    assert "s3cret" not in repr(JoinTokenAttestor("s3cret"))
