"""Why has this process no identity? `scene` is what was seen, `judge.explain` says what follows from it."""

from finial.doctor.explain.explanation import Explanation, Name, Step, Verdict
from finial.doctor.explain.fault import Fault, Finding, Remedy
from finial.doctor.explain.judge import explain
from finial.doctor.explain.near import Candidate, Lack
from finial.doctor.explain.scene import AgentSeen, Attestor, HeldEntry, Process, Question, Scene, ServerSeen

__all__ = [
    "AgentSeen",
    "Attestor",
    "Candidate",
    "Explanation",
    "Fault",
    "Finding",
    "HeldEntry",
    "Lack",
    "Name",
    "Process",
    "Question",
    "Remedy",
    "Scene",
    "ServerSeen",
    "Step",
    "Verdict",
    "explain",
]
