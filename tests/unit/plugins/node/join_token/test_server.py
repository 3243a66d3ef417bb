from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from finial.errors import Internal, InvalidArgument
from finial.plugins.node.join_token.server import JoinToken as Attestor
from finial.registry.join_token import JoinToken
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain


@dataclass
class Host:
    """Tokens by value; each can be taken once."""

    tokens: dict[str, JoinToken] = field(default_factory=dict)
    trust_domain: TrustDomain = field(default=TrustDomain("example.org"))

    def now(self) -> float:
        return 100.0

    def caller_address(self) -> str:
        return "192.0.2.1"

    async def take_join_token(self, value: str) -> JoinToken | None:
        return self.tokens.pop(value, None)

    async def is_attested(self, agent_id: SpiffeId) -> bool:
        return False

    async def x509_roots(self) -> tuple[bytes, ...]:
        return ()


async def no_challenge(_: bytes) -> bytes:
    raise AssertionError("the method has no challenge")


def host_with(value: str, expires_at: int = 200) -> Host:
    return Host({value: JoinToken(value, expires_at)})


def attest(host: Host, payload: bytes) -> str:
    return str(asyncio.run(Attestor(host).attest(payload, no_challenge)).agent_id)


def test_a_token_names_its_agent() -> None:
    assert attest(host_with("tok-1"), b"tok-1") == "spiffe://example.org/spire/agent/join_token/tok-1"


def test_an_agent_of_a_token_cannot_attest_again() -> None:
    node = asyncio.run(Attestor(host_with("t")).attest(b"t", no_challenge))
    assert not node.can_reattest
    assert node.selectors == ()


@pytest.mark.parametrize("payload", [b"unknown", b"", b"\xff\xfe"])
def test_what_is_no_token_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidArgument, match="join token does not exist or has already been used"):
        attest(host_with("t"), payload)


def test_a_token_is_gone_after_its_use() -> None:
    host = host_with("t")
    attest(host, b"t")
    with pytest.raises(InvalidArgument, match="has already been used"):
        attest(host, b"t")


def test_an_expired_token_is_gone_too() -> None:
    host = host_with("t", expires_at=99)
    with pytest.raises(InvalidArgument, match="join token expired"):
        attest(host, b"t")
    assert host.tokens == {}


def test_a_token_that_makes_no_path_is_refused() -> None:
    with pytest.raises(Internal, match="failed to create join token ID: path segment characters"):
        attest(host_with("a b"), b"a b")
