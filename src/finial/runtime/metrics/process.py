"""Gauges of the process itself, under the names Go's runtime has in SPIRE, each with what comes nearest here.

`runtime.alloc_bytes` and `runtime.sys_bytes` are the memory in use and asked for (resident, virtual),
`runtime.heap_objects` the interpreter's allocated blocks, `runtime.num_goroutines` the tasks of the event loop,
`runtime.total_gc_runs` the collector's runs. What has no counterpart (`gc_pause_ns`, `free_count`,
`malloc_count`) is left out rather than made up.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from pathlib import Path

from finial.runtime.clock import Clock
from finial.runtime.metrics.registry import Metrics

STATM = Path("/proc/self/statm")
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes a unit of ru_maxrss


def observe_process(metrics: Metrics, clock: Clock) -> None:
    """From here on they are read whenever somebody asks."""
    begun = clock.monotonic()
    metrics.gauge("uptime_in_ms").read(lambda: (clock.monotonic() - begun) * 1000)
    metrics.gauge("finial.clock_seconds").read(clock.unix)
    metrics.gauge("runtime.alloc_bytes").read(lambda: _memory(1))
    metrics.gauge("runtime.sys_bytes").read(lambda: _memory(0))
    metrics.gauge("runtime.heap_objects").read(lambda: float(sys.getallocatedblocks()))
    metrics.gauge("runtime.num_goroutines").read(_tasks)
    metrics.gauge("runtime.total_gc_runs").read(_collections)


def _memory(column: int) -> float:
    """Bytes; where there is no /proc the peak stands for both."""
    try:
        pages = int(STATM.read_text("ascii").split()[column])
    except OSError:
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT)
    return float(pages * resource.getpagesize())


def _tasks() -> float:
    try:
        return float(len(asyncio.all_tasks()))
    except RuntimeError:  # read outside the loop
        return 0.0


def _collections() -> float:
    return float(sum(generation["collections"] for generation in gc.get_stats()))
