"""Rows of the agent: what a workload waits for, and what it costs."""

from __future__ import annotations

from rows import Goal, Measure, Measurement, Row, flatten, per_second, us
from subject import Programs, Site, resident


def _agent(scenario: str, **options: object) -> Measure:
    """A scenario against an agent that holds one identity for this user."""

    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start()
            site.load("register")
            return flatten(site.load(scenario, **options))

    return measure


def _streams(count: int) -> Measure:
    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start()
            site.load("register")
            idle = resident(site.pid("agent"))
            raw = site.load("streams", count=min(count, 20) if quick else count)
            return flatten(raw) | {"idle_mib": idle, "agent_mib": raw["mib"]["agent"]}

    return measure


def _fetch(
    name: str, title: str, scenario: str, p50: float | None, cpu: float | None, callers: int = 1
) -> Row:
    goals = (us("p50_us", p50), us("agent_cpu_us", cpu), us("p99_us", None), per_second(None))
    return Row(
        name, f"{title}, {callers} caller{'s' * (callers > 1)}", goals, _agent(scenario, callers=callers)
    )


ROWS = (
    _fetch("fetch-x509-1", "FetchX509SVID, first answer, new connection", "fetch-x509", 1000, 780),
    _fetch("fetch-x509-8", "FetchX509SVID, first answer, new connection", "fetch-x509", None, 780, 8),
    _fetch(
        "fetch-again", "FetchX509SVID, connection that is there, new stream", "fetch-x509-again", 600, 400
    ),
    _fetch("fetch-jwt-cached", "FetchJWTSVID, cached", "fetch-jwt", 500, None),
    _fetch("fetch-jwt-new", "FetchJWTSVID, uncached", "fetch-jwt-new", 1300, None),
    Row(
        "streams-200",
        "200 streams at once, all first answers",
        (Goal("ms", "ms", 90), us("agent_cpu_us", None)),
        _streams(200),
    ),
    Row(
        "streams-1000",
        "1,000 streams at once, all first answers; memory of the agent",
        (Goal("ms", "ms", 400), Goal("agent_mib", "MiB", 100), Goal("idle_mib", "MiB", 60)),
        _streams(1000),
    ),
)
