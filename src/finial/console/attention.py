"""What wants attention, worst first: what, why, since when, and one next step. Pure: readings in, items out.

Thresholds are shares of lifetimes, never fixed times: with SVIDs of minutes nothing else says when to look. An empty
list is an answer too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum

from finial.console.readings import AgentReading, ChangeReading, ServerReading, State
from finial.console.sources.metrics import TargetReading
from finial.errors import FinialError
from finial.svid.certificate import read

SKEW = 10.0  # seconds
SLOW = 5.0  # seconds that a change may take to all whom it concerns
GUESSED_LIFE = 24 * 3600.0  # seconds: SPIRE's default of an authority's
NAMED = 3  # of many alike, so many by name


class Severity(IntEnum):
    """The larger the worse."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Item:
    """`since`: Unix seconds; 0: nobody knows. `view`: where on the page, `command`: what to type."""

    severity: Severity
    what: str
    why: str
    since: float
    view: str
    command: str

    def record(self) -> dict[str, object]:
        return {
            "severity": self.severity.name.lower(),
            "what": self.what,
            "why": self.why,
            "since": self.since or None,
            "view": self.view,
            "command": self.command,
        }


def attention(server: ServerReading, targets: Sequence[TargetReading], now: float) -> list[Item]:
    """Worst first, then the newest."""
    found = (
        *_server(server),
        *_agents(server.agents.values()),
        *_authorities(server, now),
        *_changes(server.changes, now),
        *_entries(server, now),
        *_targets(targets),
    )
    return sorted(found, key=lambda item: (-item.severity, -item.since))


def sentence(server: ServerReading, items: Sequence[Item]) -> str:
    """One sentence of state: is it well, and how much wants attention."""
    if not server.reached:
        return "The server has not answered yet."
    if server.trouble:
        return "The server does not answer; what is shown was read before."
    state = "Issuing and in step." if not _behind(server) else "Issuing; some agents are behind."
    if not items:
        return f"{state} Nothing wants attention."
    return f"{state} {len(items)} {'thing wants' if len(items) == 1 else 'things want'} attention."


def _behind(server: ServerReading) -> bool:
    return any(one.state is State.PENDING for one in server.agents.values())


def _server(server: ServerReading) -> Iterator[Item]:
    check = "finial server healthcheck -verbose"
    if server.trouble:
        yield Item(
            Severity.CRITICAL, "the server does not answer", server.trouble, server.at, "server", check
        )
    if server.outage:
        why = f"for {server.outage:.0f} s; agents go on with what they have"
        since = server.at - server.outage
        yield Item(Severity.CRITICAL, "the change log cannot be read", why, since, "database", check)
    if server.skew is not None and abs(server.skew) > SKEW:
        why = f"the server's clock is {abs(server.skew):.0f} s {'behind' if server.skew > 0 else 'ahead of'} this machine's"
        yield Item(Severity.WARNING, "clocks differ", why, 0, "server", "timedatectl status")


def _agents(agents: Iterable[AgentReading]) -> Iterator[Item]:
    listed = "finial agent list"
    by_state: dict[State, list[AgentReading]] = {}
    for one in agents:
        by_state.setdefault(one.state, []).append(one)
    if gone := by_state.get(State.GONE):
        seen = max(one.last_seen for one in gone)
        why = f"{_names(gone)}: silent; their workloads keep what they have until it expires"
        yield Item(Severity.WARNING, _count(gone, "agent") + " gone", why, seen, "agents?state=gone", listed)
    if expired := by_state.get(State.EXPIRED):
        why = f"{_names(expired)}: must attest anew"
        ended = max(float(one.agent.expires_at) for one in expired)
        yield Item(
            Severity.WARNING,
            _count(expired, "agent") + " expired",
            why,
            ended,
            "agents?state=expired",
            listed,
        )
    if banned := by_state.get(State.BANNED):
        why = f"{_names(banned)}: refused until evicted"
        yield Item(Severity.INFO, _count(banned, "agent") + " banned", why, 0, "agents?state=banned", listed)


def _authorities(server: ServerReading, now: float) -> Iterator[Item]:
    life = _life(server)
    for kind, authorities in (("X.509", server.x509_authorities), ("JWT", server.jwt_authorities)):
        active = [one for one in authorities if one.slot == "active"]
        prepared = any(one.slot == "prepared" for one in authorities)
        for one in active:
            yield from _runway(kind, one.expires_at - now, life, prepared)
    tainted = sum(one.tainted for one in server.bundle.x509_authorities) if server.bundle else 0
    if tainted:
        why = "whatever it signed is being replaced; revoke it once nobody shows it any more"
        yield Item(
            Severity.WARNING,
            f"{tainted} X.509 {'authority is' if tainted == 1 else 'authorities are'} tainted",
            why,
            0,
            "authorities/x509",
            "finial localauthority x509 show",
        )


def _life(server: ServerReading) -> float:
    """Seconds from begin to end of the active X.509 authority, which JWT keys share; where nobody tells, a guess."""
    active = {one.id for one in server.x509_authorities if one.slot == "active"}
    for root in server.bundle.x509_authorities if server.bundle else ():
        with suppress(FinialError):
            certificate = read(root.der)
            if (certificate.subject_key_id or b"").hex() in active:
                return (certificate.not_after - certificate.not_before).total_seconds()
    return GUESSED_LIFE


def _runway(kind: str, left: float, life: float, prepared: bool) -> Iterator[Item]:
    """A successor is prepared at half of the life and takes over at five sixths: later something is wrong."""
    if left > life / 6 or (prepared and left > 0):
        return
    severity = Severity.WARNING if left > life / 12 else Severity.CRITICAL
    name = kind.replace(".", "").lower()
    why = f"{max(left, 0) / 3600:.1f} h left and none is prepared"
    yield Item(
        severity,
        f"the {kind} authority ends soon",
        why,
        0,
        f"authorities/{name}",
        f"finial localauthority {name} show",
    )


def _changes(changes: Sequence[ChangeReading], now: float) -> Iterator[Item]:
    """The newest one that is late, for all of them."""
    late = [one for one in changes if one.concerned > one.arrived and now - one.at > SLOW and one.waiting]
    if late:
        newest = late[-1]
        names = ", ".join(one.rpartition("/")[2] for one in newest.waiting[:NAMED])
        why = f"{newest.arrived} of {newest.concerned} have it; waits for {names}"
        what = "a change has not arrived everywhere"
        yield Item(Severity.INFO, what, why, newest.at, "overview#changes", "finial agent list")


def _entries(server: ServerReading, now: float) -> Iterator[Item]:
    expired = [one for one in server.entries.values() if one.expired(now)]
    if expired:
        why = "they give no identity any more; they are pruned every few minutes"
        yield Item(
            Severity.INFO,
            _plural(len(expired), "entry", "entries") + " expired",
            why,
            0,
            "identities",
            "finial entry show",
        )


def _targets(targets: Sequence[TargetReading]) -> Iterator[Item]:
    for one in targets:
        if not one.up:
            yield Item(
                Severity.WARNING,
                f"metrics of {one.target.name} cannot be read",
                one.trouble,
                one.samples.at,
                "metrics",
                f"curl -s {one.target.url}",
            )


def _names(agents: Sequence[AgentReading]) -> str:
    shown = ", ".join(one.agent.id.path.rpartition("/")[2] for one in agents[:NAMED])
    return shown + (f" and {len(agents) - NAMED} more" if len(agents) > NAMED else "")


def _count(things: Sequence[object], one: str) -> str:
    return _plural(len(things), one, f"{one}s")


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
