"""What `finial verify` checks: what was tried, what must come of it, what did. Pure.

A check is right if what was seen begins with what was wanted, so that a refusal may go on with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finial.errors import InvalidArgument
from finial.lab.topology import Topology
from finial.spiffe.id import SpiffeId

REFUSED = "refused"
NO_IDENTITY = "no identity of a service"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    what: str
    wanted: str
    seen: str

    @property
    def ok(self) -> bool:
        return self.seen.startswith(self.wanted)

    def record(self) -> dict[str, str | bool]:
        return {"what": self.what, "wanted": self.wanted, "seen": self.seen, "ok": self.ok}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Check:
        return cls(str(record["what"]), str(record["wanted"]), str(record["seen"]))


def table(checks: Sequence[Check]) -> str:
    """For a person: a mark, what was tried, what was wanted, what was seen."""
    what = max(len(one.what) for one in checks)
    wanted = max(len(one.wanted) for one in checks)
    return "".join(
        f"{'ok  ' if one.ok else 'FAIL'}  {one.what:<{what}}  {one.wanted:<{wanted}}  {one.seen}".rstrip()
        + "\n"
        for one in checks
    )


def unvouched(what: str, got: str, topology: Topology) -> Check:
    """A process that nobody vouched for: it may hold what an entry of the user's gives it, but is no service.
    `got`: SPIFFE IDs, or the agent's refusal."""
    taken = any(is_service(word, topology) for word in got.split())
    return Check(what, NO_IDENTITY, got if taken or not got else f"{NO_IDENTITY}: {got}")


def is_service(text: str, topology: Topology) -> bool:
    try:
        return bool(topology.name_of(SpiffeId.parse(text)))
    except InvalidArgument:
        return False


def of_calls(name: str, calls: Mapping[str, Any]) -> Check:
    """The rounds of one service: answered and denied as the topology says, none otherwise. A peer that was
    away, as while it is started again, is no wrong answer."""
    seen = f"{calls['wrong']} wrong, {calls['ok']} answered, {calls['denied']} denied"
    return Check(f"{name}: its own calls", "0 wrong", seen)
