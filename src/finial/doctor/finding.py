"""One thing that was looked at: what came of it, why it matters, what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    OK = "ok"
    WARN = "warn"  # it works, with a protection less
    FAIL = "fail"  # it does not work


@dataclass(frozen=True, slots=True)
class Finding:
    """`next_step` is empty where nothing is to be done."""

    what: str
    result: Result
    seen: str
    why: str
    next_step: str = ""

    def record(self) -> dict[str, str]:
        return {
            "what": self.what,
            "result": self.result.value,
            "seen": self.seen,
            "why": self.why,
            "next_step": self.next_step,
        }


def failed(findings: Sequence[Finding]) -> bool:
    return any(one.result is Result.FAIL for one in findings)


def told(findings: Sequence[Finding]) -> str:
    """For a person: a line each, and below what is not well why it matters and what to do."""
    width = max((len(one.what) for one in findings), default=0)
    return "\n".join(line for one in findings for line in _lines(one, width))


def _lines(one: Finding, width: int) -> list[str]:
    mark = one.result.value if one.result is Result.OK else one.result.value.upper()
    lines = [f"{mark:<4}  {one.what:<{width}}  {one.seen}"]
    if one.result is not Result.OK:
        lines += [f"      why: {one.why}", *([f"      next: {one.next_step}"] if one.next_step else [])]
    return lines
