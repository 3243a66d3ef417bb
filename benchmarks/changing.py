"""Rows of changes: from an administrator's request to the bytes at a workload's open stream.

10,000 other entries, 100 agents that watch over mTLS from another process, audit on. Each entry lives its
life: created, updated (a DNS name, so a new SVID is signed), deleted; each step is one sample.
"""

from __future__ import annotations

from rows import Goal, Measure, Measurement, Row
from subject import Programs, Site

OTHERS = 10_000
WATCHERS = 100
STEPS = ("create", "update", "delete")


def _change(rate: float, lives: int) -> Measure:
    """A stock agent polls each 5 seconds: few samples tell that."""

    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start()
            site.load("fill", count=100 if quick else OTHERS)
            watchers = site.watchers(5 if quick else WATCHERS) if programs.finial else None
            count = 2 if quick else lives if programs.finial else 6
            raw = site.load("change", rate=rate, count=count)
            result: Measurement = {"raw": raw}
            for step in STEPS:
                run = raw["changes"][step]
                result |= {f"{step}_{name}": run[f"{name}_us"] / 1000 for name in ("p50", "p99", "max")}
            if watchers is not None:
                result["kib_per_watcher"] = watchers.stop()["kib_per_watcher"]["server"]
            return result

    return measure


def _row(name: str, title: str, rate: float, lives: int) -> Row:
    goals = tuple(
        Goal(f"{step}_{part}", "ms", limit)
        for step in STEPS
        for part, limit in (("p50", 25.0 if step == "create" else None), ("p99", 100.0), ("max", None))
    )
    watching = Goal("kib_per_watcher", "KiB", 75)
    return Row(name, title, (*goals, watching), _change(rate, lives))


ROWS = (
    _row("change-5", "entry changed -> workload's stream, 5 changes/s, 200 samples a step", 5, 200),
    _row("change-50", "entry changed -> workload's stream, 50 changes/s, 200 samples a step", 50, 200),
)
