"""An explanation as a person reads it in a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from finial.doctor.explain.explanation import Explanation, Step, Verdict
from finial.doctor.explain.near import Candidate

MARKS = {
    Verdict.PASSED: "ok",
    Verdict.BROKE: "BROKE",
    Verdict.NOT_REACHED: "-",
    Verdict.NOT_AVAILABLE: "?",
}
WIDTH = max(map(len, MARKS.values()))
STEP_WIDTH = 12


def told(explanation: Explanation) -> str:
    lines = [explanation.headline[:1].upper() + explanation.headline[1:], ""]
    for step in explanation.steps:
        lines += _step(step)
    if explanation.findings:
        lines += [line for one in explanation.candidates for line in _candidate(one)]
    lines += _remedy(explanation)
    return "\n".join(lines)


def _step(step: Step) -> Iterator[str]:
    says = f"not available: {step.says}" if step.verdict is Verdict.NOT_AVAILABLE else step.says
    yield f"  {MARKS[step.verdict]:<{WIDTH}}  {step.name.value:<{STEP_WIDTH}}  {says}"
    for finding in step.findings:
        if finding.says == step.says:
            continue
        yield f"  {'':<{WIDTH}}  {'':<{STEP_WIDTH}}  {finding.fault.value}: {finding.says}"


def _candidate(one: Candidate) -> Iterator[str]:
    known = "" if one.held else ", known to the server only"
    yield f"\n{one.entry.spiffe_id}  entry {one.entry.id}{known}"
    if one.has:
        yield f"  has    {' '.join(str(selector) for selector in one.has)}"
    for lack in one.lacks:
        instead = " ".join(str(selector) for selector in lack.instead)
        yield f"  lacks  {lack.selector}" + (f"   the process has {instead}" if instead else "")
    if one.expired:
        yield "  has expired"
    if one.chain and one.chain.broken:
        missing = "".join(f" {selector}" for selector in one.chain.broken.missing)
        yield f"  is not this agent's: the way ends at {one.chain.broken.at}" + (
            f", which wants{missing}" if missing else ""
        )


def _remedy(explanation: Explanation) -> Iterator[str]:
    remedy = explanation.remedy
    if remedy is None:
        return
    yield f"\nnext: {remedy.text}"
    for command in remedy.commands:
        yield f"      $ {command}"
    yield f"      {remedy.effect}"
    others = len(explanation.findings) - 1
    if others:
        yield f"      {others} more {'reason' if others == 1 else 'reasons'} above"
