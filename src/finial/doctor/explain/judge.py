"""Why has this process no identity? The scene in, the explanation out. Pure: same scene, same answer.

Each step is judged by itself, so that two faults are both told; what could not be known because of an earlier one is
not reached. Only the nearest candidate speaks for the entries. Nothing is guessed: without a finding the headline says
that the process has its identity, or that nothing seen keeps it from one.
"""

from __future__ import annotations

from finial.doctor.explain.agent_step import agent_step, position_step, svid_step
from finial.doctor.explain.entry_step import entry_step, parents_step
from finial.doctor.explain.explanation import Explanation, Name, Step, Verdict
from finial.doctor.explain.fault import Fault, Finding, Remedy
from finial.doctor.explain.near import SHOWN, Candidate, candidates
from finial.doctor.explain.scene import Scene


def explain(scene: Scene) -> Explanation:
    found = candidates(scene) if scene.selectors else []
    nearest = found[0] if found else None
    steps = (
        process_step(scene),
        attestors_step(scene),
        entry_step(scene, nearest),
        parents_step(scene, nearest),
        agent_step(scene),
        position_step(scene, nearest),
        svid_step(scene, nearest),
    )
    identities = tuple(str(one.entry.spiffe_id) for one in found if _is_issued(one))
    return Explanation(_headline(scene, steps, identities), steps, tuple(found[:SHOWN]), identities)


def process_step(scene: Scene) -> Step:
    process = scene.process
    if process is None:
        asked = scene.question.pid is not None
        verdict = Verdict.NOT_AVAILABLE if asked else Verdict.NOT_REACHED
        return Step(Name.PROCESS, verdict, scene.without_agent if asked else "asked by selectors")
    if not process.alive:
        says = f"there is no process {process.pid}"
        remedy = Remedy("start it, and ask again while it runs")
        return Step(Name.PROCESS, Verdict.BROKE, says, (Finding(Fault.PID_GONE, says, remedy),))
    if not process.same_namespace:
        says = f"process {process.pid} runs in another pid namespace than the agent"
        text = "give the agent the host's pid namespace (hostPID), or ask with the pid that the agent sees"
        finding = Finding(Fault.PID_ELSEWHERE, says, Remedy(text))
        return Step(Name.PROCESS, Verdict.BROKE, says, (finding,))
    return Step(Name.PROCESS, Verdict.PASSED, f"alive: {process.path or process.pid}")


def attestors_step(scene: Scene) -> Step:
    if not scene.attestors:
        says = "asked by selectors" if scene.question.selectors else "nothing was attested"
        return Step(Name.ATTESTORS, Verdict.NOT_REACHED, says)
    findings = tuple(
        Finding(
            Fault.ATTESTOR_FAILED,
            f'workload attestor "{one.name}" failed: {one.failure}',
            Remedy(f'mend what "{one.name}" needs; the agent\'s log says what it met', ("finial doctor",)),
        )
        for one in scene.attestors
        if one.failure
    )
    says = ", ".join(
        f"{one.name}: {len(one.selectors)} selectors" for one in scene.attestors if not one.failure
    )
    return Step(
        Name.ATTESTORS, Verdict.BROKE if findings else Verdict.PASSED, says or "none succeeded", findings
    )


def _is_issued(one: Candidate) -> bool:
    return one.fits and one.held is not None and one.held.signed


def _headline(scene: Scene, steps: tuple[Step, ...], identities: tuple[str, ...]) -> str:
    findings = [finding for step in steps for finding in step.findings]
    subject = f"process {scene.question.pid}" if scene.question.pid is not None else "such a process"
    if findings and identities:
        return f"{subject} has {', '.join(identities)}, and something is wrong: {findings[0].says}"
    if findings:
        return f"no identity: {findings[0].says}"
    if identities:
        return f"{subject} has {', '.join(identities)}"
    if not scene.selectors:
        return f"nothing is known of {subject}: {scene.without_agent}"
    return f"nothing that was seen keeps {subject} from an identity"
