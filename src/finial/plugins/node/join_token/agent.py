"""Node attestation by join token, agent's half: the token itself is the proof. SPIRE 1.15 `join_token`."""

from __future__ import annotations

from dataclasses import dataclass, field

from finial.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class JoinTokenAttestor:
    """Implements `plugin.kinds.AgentNodeAttestor`."""

    token: str = field(repr=False)

    async def payload(self) -> bytes:
        """Raises: InvalidArgument, in SPIRE's words, if the operator gave no token."""
        if not self.token:
            raise InvalidArgument(
                "nodeattestor(join_token): join token was not provided",
                hint="make one with `spire-server token generate` and start the agent with -joinToken",
            )
        return self.token.encode()

    async def respond(self, challenge: bytes) -> bytes:
        raise InvalidArgument(
            "nodeattestor(join_token): server sent a challenge, which the method has none of"
        )

    async def close(self) -> None:
        """Nothing is held."""
