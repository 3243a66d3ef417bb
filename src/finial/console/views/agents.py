"""Agents: the table, and one agent's page."""

from __future__ import annotations

from collections import Counter

from finial.console.readings import AgentReading, ServerReading, State
from finial.console.views.model import Model, Page

WORST_FIRST = (
    State.GONE,
    State.EXPIRED,
    State.PENDING,
    State.BANNED,
    State.UNKNOWN,
    State.DELIVERED,
    State.READY,
)


class AgentRow(Model):
    """`why`: the cause of its state in words. Times are Unix seconds; None: nobody says."""

    id: str
    name: str
    method: str
    state: State
    why: str
    expires_at: float | None
    last_seen: float | None
    watches: int
    version: str
    can_reattest: bool
    selectors: list[str]


class Agents(Model):
    page: Page
    states: dict[str, int]
    rows: list[AgentRow]


def agents(
    server: ServerReading,
    now: float,
    *,
    state: State | None = None,
    text: str = "",
    offset: int = 0,
    most: int = 100,
) -> Agents:
    """Worst first, then by ID. `text`: a part of an ID, method, version or selector."""
    found = [one for one in server.agents.values() if _fits(one, state, text)]
    found.sort(key=lambda one: (WORST_FIRST.index(one.state), str(one.agent.id)))
    return Agents(
        page=Page(offset=offset, total=len(server.agents), matching=len(found)),
        states=dict(Counter(one.state.value for one in server.agents.values())),
        rows=[agent_row(one, now) for one in found[offset : offset + most]],
    )


def agent_row(one: AgentReading, now: float) -> AgentRow:
    agent = one.agent
    return AgentRow(
        id=str(agent.id),
        name=agent.id.path.rpartition("/")[2],
        method=agent.attestation_type,
        state=one.state,
        why=_why(one, now),
        expires_at=float(agent.expires_at) or None,
        last_seen=one.last_seen or None,
        watches=one.watches,
        version=agent.agent_version,
        can_reattest=agent.can_reattest,
        selectors=[str(selector) for selector in agent.selectors],
    )


def _fits(one: AgentReading, state: State | None, text: str) -> bool:
    if state is not None and one.state is not state:
        return False
    agent = one.agent
    told = (str(agent.id), agent.attestation_type, agent.agent_version, *map(str, agent.selectors))
    return not text or any(text in each for each in told)


def _why(one: AgentReading, now: float) -> str:
    silent = (
        f"silent for {now - one.last_seen:.0f} s" if one.last_seen else "not seen since the server started"
    )
    return {
        State.READY: "has all up to the server's position in force",
        State.DELIVERED: "fetched all up to the server's position; it does not say whether that is in force",
        State.PENDING: "has not said yet that the newest change is in force",
        State.GONE: silent,
        State.BANNED: "refused until it is evicted",
        State.EXPIRED: "its SVID has ended; it must attest anew",
        State.UNKNOWN: "a stock server does not tell",
    }[one.state]
