"""What `finial verify` checks: what was tried, what must come of it, what did. Pure.

A check is right if what was seen begins with what was wanted, so that a refusal may go on with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REFUSED = "refused"
NO_IDENTITY = "no identity issued"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    what: str
    wanted: str
    seen: str

    @property
    def ok(self) -> bool:
        return self.seen.startswith(self.wanted)

    def record(self) -> dict[str, object]:
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


def of_calls(name: str, calls: Mapping[str, Any]) -> Check:
    """The rounds of one service: answered and denied as the topology says, none otherwise."""
    seen = f"{calls['failed']} wrong, {calls['ok']} answered, {calls['denied']} denied"
    return Check(f"{name}: its own calls", "0 wrong", seen)
