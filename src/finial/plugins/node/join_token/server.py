"""Node attestation by join token, server's half: each token admits one node, once. SPIRE 1.15 `join_token`.

The token is taken before its end is looked at, so an expired one cannot be tried again either.
"""

from __future__ import annotations

from dataclasses import dataclass

from finial.errors import FinialError, Internal, InvalidArgument
from finial.plugin.kinds import AttestedNode, Challenge, ServerHost
from finial.spiffe.id import agent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Takes no options."""


@dataclass(frozen=True, slots=True)
class JoinToken:
    """Implements `plugin.kinds.ServerNodeAttestor`."""

    host: ServerHost

    async def attest(self, payload: bytes, challenge: Challenge) -> AttestedNode:
        """Raises: InvalidArgument for a token that is unknown, used or expired."""
        value = _text(payload)
        token = await self.host.take_join_token(value)
        if token is None:
            raise unknown()
        if token.expired(self.host.now()):
            raise InvalidArgument("join token expired")
        try:
            node = agent_id(self.host.trust_domain, f"/join_token/{value}")
        except FinialError as why:
            raise Internal(f"failed to create join token ID: {why.message}") from why
        return AttestedNode(node)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise unknown() from None


def unknown() -> InvalidArgument:
    return InvalidArgument("failed to attest: join token does not exist or has already been used")
