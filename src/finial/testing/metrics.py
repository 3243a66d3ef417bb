"""Metrics for what counts in a test, and what was counted."""

from __future__ import annotations

from finial.runtime.clock import Clock
from finial.runtime.metrics import Metrics, exposition
from finial.testing.clock import VirtualClock


def unread(clock: Clock | None = None, *, by_id: bool = False) -> Metrics:
    """Of a service called `s`, without sinks and without an endpoint."""
    return Metrics("s", clock or VirtualClock(), by_id=by_id)


def told(metrics: Metrics) -> dict[str, float]:
    """What Prometheus would read: `s_svid_rotate{status="OK"}` and its value."""
    lines = exposition(metrics.families()).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}
