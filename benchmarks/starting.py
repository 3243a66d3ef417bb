"""Rows of starting and standing still: the command line, a server and an agent, by number of entries."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rows import Goal, Measure, Measurement, Row
from subject import Programs, Site, cpu_seconds, resident

RUNS = 5
SETTLED = 15  # seconds after which memory is read
IDLE = 60


def _command(*arguments: str) -> Measure:
    def measure(_: Programs, quick: bool) -> Measurement:
        took = [timed(arguments) for _ in range(2 if quick else 2 * RUNS + 1)]
        return {"ms": median(took[1:]), "raw": took}

    return measure


def timed(arguments: tuple[str, ...]) -> float:
    began = time.monotonic()
    subprocess.run(arguments, check=True, capture_output=True)
    return (time.monotonic() - began) * 1000


def _server(entries: int) -> Measure:
    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start_server()
            if entries:
                site.load("fill", count=500 if quick else entries)
            ready, cpu = [], []
            for _ in range(1 if quick else RUNS):
                site.stop("server")
                ready.append(site.start_server())
                cpu.append(cpu_seconds(site.pid("server")) * 1000)
            pid = site.pid("server")
            time.sleep(0.1 if quick else SETTLED)
            result: Measurement = {"ready_ms": median(ready), "ready_cpu_ms": median(cpu)}
            result |= {"mib": resident(pid), "idle_s": idle(pid, quick)}
            return result | {"raw": {"ready": ready, "cpu": cpu}}

    return measure


def idle(pid: int, quick: bool) -> float:
    """CPU seconds in a minute in which nobody calls."""
    seconds = 0.2 if quick else IDLE
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) * 60 / seconds


def _agent_start(entries: int) -> Measure:
    """From the start of the process to the first SVID at a workload that asks each 2 ms."""

    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start()
            if entries:
                site.load("fill", count=500 if quick else entries, size=2)
            site.load("register")
            took, cpu = [], []
            for _ in range(1 if quick else RUNS):
                site.stop("agent")
                listening = site.start_agent()
                took.append(listening + site.load("first")["us"] / 1000)
                cpu.append(cpu_seconds(site.pid("agent")) * 1000)
            return {"ms": median(took), "cpu_ms": median(cpu), "raw": {"took": took, "cpu": cpu}}

    return measure


def _agent_idle(programs: Programs, quick: bool) -> Measurement:
    with Site(programs, quick) as site:
        site.start()
        site.load("fill", count=500 if quick else 1000, size=2)
        site.load("register")
        time.sleep(0.1 if quick else SETTLED)
        pid = site.pid("agent")
        return {"idle_s": idle(pid, quick), "mib": resident(pid), "raw": {}}


def _up(programs: Programs, quick: bool) -> Measurement:
    """`finial up` in a folder of its own, to its return: services talk mTLS by then."""
    took = []
    for _ in range(1 if quick else 3):
        with Site(programs, quick) as site:
            took.append(_finial(site, "up"))
            _finial(site, "down")
    return {"ms": median(took), "raw": took}


def _finial(site: Site, verb: str) -> float:
    environment = os.environ | {"XDG_STATE_HOME": str(site.folder), "HOME": str(site.folder)}
    command = [sys.executable, "-m", "finial", verb, "-dir", str(site.folder / "lab")]
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"finial {verb}: {done.stderr[-2000:]}")
    return (time.monotonic() - began) * 1000


def _server_row(name: str, title: str, entries: int, ready: float, mib: float) -> Row:
    goals = (
        Goal("ready_ms", "ms", ready),
        Goal("ready_cpu_ms", "ms", None),
        Goal("mib", "MiB", mib),
        Goal("idle_s", "s/min", 0.05),
    )
    return Row(name, f"server, {title}: start to ready, memory after 15 s, idle CPU", goals, _server(entries))


def _agent_row(name: str, title: str, entries: int, limit: float) -> Row:
    goals = (Goal("ms", "ms", limit), Goal("cpu_ms", "ms", None))
    return Row(name, f"agent start to first SVID, {title}", goals, _agent_start(entries))


PROGRAM = str(Path(sys.executable).with_name("finial"))

ROWS = (
    Row("help", "finial --help", (Goal("ms", "ms", 150),), _command(PROGRAM, "--help"), stock=False),
    Row(
        "import-client",
        "import finial.client",
        (Goal("ms", "ms", 110),),
        _command(sys.executable, "-c", "import finial.client"),
        stock=False,
    ),
    Row("up", 'finial up, to "services talk mTLS"', (Goal("ms", "ms", 5000),), _up, stock=False),
    _server_row("server-0", "empty", 0, 350, 85),
    _server_row("server-10000", "10,000 entries", 10_000, 450, 110),
    _server_row("server-100000", "100,000 entries", 100_000, 1200, 350),
    _agent_row("agent-start", "join token", 0, 400),
    _agent_row("agent-start-10000", "10,000 entries on it", 10_000, 1500),
    Row(
        "agent-idle",
        "agent with 1,000 entries: idle CPU, memory",
        (Goal("idle_s", "s/min", 0.03), Goal("mib", "MiB", None)),
        _agent_idle,
    ),
)
