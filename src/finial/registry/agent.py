"""Attested agent: a node that proved itself, and the serial numbers of the SVIDs it may call with. Pure.

    attested --renew--> attested with a new serial --first call with it--> the new serial is the serial
    any --ban--> banned (no serial) --evict--> unknown

Two serials live side by side from a renewal to the first call with the new certificate; then the old
one is refused. SPIRE 1.15 `pkg/server/endpoints/middleware.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from finial.errors import Denial
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector


@dataclass(frozen=True, slots=True)
class Agent:
    """One attested node as stored. Serials are decimal text, times Unix seconds; 0: not set."""

    id: SpiffeId
    attestation_type: str
    serial_number: str
    expires_at: int
    new_serial_number: str = ""
    new_expires_at: int = 0
    can_reattest: bool = False
    agent_version: str = ""
    selectors: tuple[Selector, ...] = ()

    @property
    def banned(self) -> bool:
        """SPIRE keeps a ban as a row without serial numbers."""
        return not self.serial_number and not self.new_serial_number

    def denial(self, serial_number: str) -> Denial | None:
        """Why a caller with this certificate is refused; None: it is this agent."""
        if self.banned:
            return Denial.AGENT_BANNED
        if serial_number and serial_number in (self.serial_number, self.new_serial_number):
            return None
        return Denial.AGENT_NOT_ACTIVE

    def renewed(self, serial_number: str, expires_at: int) -> Agent:
        return replace(self, new_serial_number=serial_number, new_expires_at=expires_at)

    def activated(self) -> Agent:
        """After the first call with the new certificate."""
        return replace(
            self,
            serial_number=self.new_serial_number,
            expires_at=self.new_expires_at,
            new_serial_number="",
            new_expires_at=0,
        )

    def with_ban(self) -> Agent:
        return replace(self, serial_number="", new_serial_number="")
