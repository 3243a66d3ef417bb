"""What was seen, before anybody judges it: a process, its agent, and what the server says of both. Pure.

Whoever looks fills in what can be known there: the agent knows its own entries and its callers, the server knows
all entries and who is banned. What nobody could look at is None, with the reason beside it. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain


@dataclass(frozen=True, slots=True)
class Question:
    """Why has this process no identity, or not this one? By `pid`, or by `selectors` alone. `spiffe_id` and `hint`:
    the identity that was expected. `agent_id`: whose process it would be, where no agent is asked."""

    pid: int | None = None
    selectors: tuple[Selector, ...] = ()
    spiffe_id: SpiffeId | None = None
    hint: str = ""
    agent_id: SpiffeId | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """`socket`: where its environment says the Workload API is; empty: nowhere, or it cannot be read."""

    pid: int
    alive: bool = True
    same_namespace: bool = True
    path: str = ""
    socket: str = ""


@dataclass(frozen=True, slots=True)
class Attestor:
    """One workload attestor's answer."""

    name: str
    selectors: tuple[Selector, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class HeldEntry:
    """An entry the agent holds, and the X509-SVID it has in hand for it."""

    entry: Entry
    signed: bool = True
    not_after: float = 0.0
    tainted: bool = False


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """`now`: its clock, `ahead`: by how many seconds that is ahead of the server's, None where nobody knows. `trouble`: why its last exchange with the server failed; empty: it did not."""

    id: SpiffeId
    socket: str
    now: float
    expires_at: float
    synced_at: float
    held: tuple[HeldEntry, ...] = ()
    trouble: str = ""
    ahead: float | None = None


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """`agent` is None where the server knows no such agent. `agents`: the IDs of all that it knows."""

    trust_domain: TrustDomain
    agent: Agent | None
    entries: tuple[Entry, ...] = ()
    agents: frozenset[SpiffeId] = frozenset()


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything about one question. `agent_away`: why no agent answers; `agent_silent`: why the one that answers does
    not tell; `server_silent`: why nothing is known from the server."""

    question: Question
    process: Process | None = None
    attestors: tuple[Attestor, ...] = ()
    agent: AgentSeen | None = None
    agent_away: str = ""
    agent_silent: str = ""
    server: ServerSeen | None = None
    server_silent: str = ""
    now: float = 0.0

    @property
    def selectors(self) -> frozenset[Selector]:
        """What the process is known to have."""
        attested = (one for attestor in self.attestors for one in attestor.selectors)
        return frozenset((*self.question.selectors, *attested))

    @property
    def agent_id(self) -> SpiffeId | None:
        return self.agent.id if self.agent else self.question.agent_id

    @property
    def without_agent(self) -> str:
        """Why nothing is known from it."""
        return self.agent_away or self.agent_silent or "the agent was not asked"

    @property
    def trust_domain(self) -> TrustDomain | None:
        if self.agent is not None:
            return self.agent.id.trust_domain
        return self.server.trust_domain if self.server else None
