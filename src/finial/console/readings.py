"""What the sources read last: plain values, the same from a server of ours and from a stock one. Pure.

Of a stock server some fields stay empty: `own` says which kind it is. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain


class State(StrEnum):
    """What an agent has of what was committed; of a stock server's agents only UNKNOWN, BANNED and EXPIRED are."""

    READY = "ready"
    DELIVERED = "delivered"
    PENDING = "pending"
    GONE = "gone"
    BANNED = "banned"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AgentReading:
    """`last_seen`: 0 where nobody says. `held`: how many entries it may hold, None where that was not counted."""

    agent: Agent
    state: State
    last_seen: float = 0.0
    watches: int = 0


@dataclass(frozen=True, slots=True)
class Authority:
    """`slot`: active, prepared or old."""

    id: str
    slot: str
    expires_at: float
    upstream_id: str = ""


@dataclass(frozen=True, slots=True)
class ChangeReading:
    """`things`: kind and key. `authors`: caller and method; empty: none of this server's callers."""

    position: bytes
    at: float
    things: tuple[tuple[str, str], ...]
    more: int = 0
    authors: tuple[tuple[str, str], ...] = ()
    concerned: int = 0
    arrived: int = 0
    waiting: tuple[str, ...] = ()
    median_arrival: float = 0.0
    last_arrival: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerReading:
    """`trouble`: why the server does not answer; what was read before that stays, with its age."""

    own: bool = False
    trouble: str = ""
    at: float = 0.0
    trust_domain: TrustDomain | None = None
    version: str = ""
    started_at: float = 0.0
    skew: float | None = None
    position: bytes = b""
    watching: int = 0
    outage: float = 0.0
    svid_expires_at: float = 0.0
    bundle: Bundle | None = None
    federated: tuple[Bundle, ...] = ()
    x509_authorities: tuple[Authority, ...] = ()
    jwt_authorities: tuple[Authority, ...] = ()
    agents: Mapping[SpiffeId, AgentReading] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    changes: tuple[ChangeReading, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether it answered at least once."""
        return self.at > 0
