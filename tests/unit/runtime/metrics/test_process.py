"""The process's own gauges are real figures."""

from __future__ import annotations

import asyncio

from finial.runtime.metrics.instruments import Gauge
from finial.runtime.metrics.process import observe_process
from finial.runtime.metrics.registry import Metrics
from finial.testing.clock import VirtualClock


def test_gauges_are_read_when_asked_for() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        found = Metrics("spire_agent", clock)
        observe_process(found, clock)
        await clock.advance(90)
        values = {
            family.key.removeprefix("spire_agent."): one.value
            for family in found.families()
            for one in family.series.values()
            if isinstance(one, Gauge)
        }
        assert values.pop("uptime_in_ms") == 90_000
        assert values.pop("runtime.num_goroutines") == 1
        assert 10e6 < values["runtime.alloc_bytes"] < values["runtime.sys_bytes"]
        assert values["finial.clock_seconds"] == clock.unix()
        assert values["runtime.heap_objects"] > 10_000
        assert values["runtime.total_gc_runs"] > 0

    asyncio.run(scenario())
