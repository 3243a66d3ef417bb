"""Join token: a secret that admits one agent, once. Pure; taking it is the store's (a row count)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JoinToken:
    """`value` is the secret itself: it is kept out of repr and logs."""

    value: str = field(repr=False)
    expires_at: int  # Unix seconds

    def expired(self, now: float) -> bool:
        return self.expires_at < now
