"""The closed set of reasons why a process has no identity, and what is said of each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """The value is the word it has in JSON and on the page."""

    PID_GONE = "pid gone"
    PID_ELSEWHERE = "pid of another namespace"
    OTHER_SOCKET = "socket of another agent"
    ATTESTOR_FAILED = "attestor failed"
    NO_ENTRY = "no entry"
    WRONG_UID = "wrong uid"
    WRONG_VALUE = "selector differs"
    SELECTOR_MISSING = "selector missing"
    ENTRY_EXPIRED = "entry expired"
    HINT = "hint differs"
    TRUST_DOMAIN = "trust domain differs"
    PARENT_MISSING = "parent missing"
    PARENT_ELSEWHERE = "parent is another agent"
    ALIAS_MISSING = "alias missing"
    ALIAS_SHORT = "node selector short"
    AGENT_AWAY = "agent away"
    AGENT_BANNED = "agent banned"
    AGENT_EVICTED = "agent evicted"
    AGENT_EXPIRED = "agent expired"
    CLOCK_SKEW = "clock skew"
    SERVER_AWAY = "server unreachable"
    NOT_ARRIVED = "entry newer than position"
    NOT_SIGNED = "not yet signed"
    TAINTED = "CA tainted"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One next step. `commands` are ready to be run; `effect` says whom it gives an identity, and whom it takes one."""

    text: str
    commands: tuple[str, ...] = ()
    effect: str = "grants nothing new"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason. `says` is a sentence about what was seen, without the remedy."""

    fault: Fault
    says: str
    remedy: Remedy
