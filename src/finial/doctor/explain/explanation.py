"""The answer: a sentence, what each step showed, the candidates, and one remedy. Pure.

A step passed, broke, was not reached because an earlier one broke, or could not be looked at. As a record it is what
`-output json` prints and the page shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Union

from finial.doctor.explain.fault import Finding, Remedy
from finial.doctor.explain.near import Candidate

Json = Union[None, bool, int, float, str, "Sequence[Json]", "Mapping[str, Json]"]


class Verdict(StrEnum):
    PASSED = "passed"
    BROKE = "broke here"
    NOT_REACHED = "not reached"
    NOT_AVAILABLE = "not available"


class Name(StrEnum):
    """The steps, in the order in which an identity passes them."""

    PROCESS = "process"
    ATTESTORS = "attestors"
    ENTRY = "entry"
    PARENTS = "parent chain"
    AGENT = "agent"
    POSITION = "position"
    SVID = "svid"


@dataclass(frozen=True, slots=True)
class Step:
    """`says`: what was seen, a line or two."""

    name: Name
    verdict: Verdict
    says: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """`identities`: what the process gets now. Without a finding it has an identity, or nothing could be seen that
    keeps it from one: `headline` says which."""

    headline: str
    steps: tuple[Step, ...]
    candidates: tuple[Candidate, ...]
    identities: tuple[str, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """In the order of the steps: the first is what to mend first."""
        return tuple(finding for step in self.steps for finding in step.findings)

    @property
    def remedy(self) -> Remedy | None:
        return self.findings[0].remedy if self.findings else None

    def record(self) -> Mapping[str, Json]:
        return {
            "headline": self.headline,
            "identities": list(self.identities),
            "faults": [one.fault.value for one in self.findings],
            "steps": [
                {"name": one.name.value, "verdict": one.verdict.value, "says": one.says} for one in self.steps
            ],
            "candidates": [candidate_record(one) for one in self.candidates],
            "remedy": remedy_record(self.remedy),
        }


def remedy_record(remedy: Remedy | None) -> Json:
    if remedy is None:
        return None
    return {"text": remedy.text, "commands": list(remedy.commands), "effect": remedy.effect}


def candidate_record(one: Candidate) -> Json:
    chain = one.chain
    return {
        "entry_id": one.entry.id,
        "spiffe_id": str(one.entry.spiffe_id),
        "has": [str(selector) for selector in one.has],
        "lacks": [
            {"selector": str(lack.selector), "instead": [str(selector) for selector in lack.instead]}
            for lack in one.lacks
        ],
        "expired": one.expired,
        "held": one.held is not None,
        "parents": [str(parent) for parent in chain.parents] if chain else None,
        "broken_at": str(chain.broken.at) if chain and chain.broken else None,
    }
