"""Rows of the metrics: what counting costs a call, and how long it takes to read them."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from statistics import median
from urllib.request import ProxyHandler, build_opener

from rows import Goal, Measure, Measurement, Row, flatten, us
from subject import Programs, Site

ENTRIES = 10_000
ROUNDS = 7
READS = 50
PORT = re.compile(r'msg="Starting prometheus exporter".* port=(\d+)')
BARE = (sys.executable, str(Path(__file__).with_name("uncounted.py")))
UNCOUNTED = Programs("finial", (*BARE, "server"), (*BARE, "agent"))


def _cost(program: str, scenario: str) -> Measure:
    """CPU of a call of a server or an agent that counts beside that of one that does not: of rounds in turns the lowest,
    since what else the machine does only adds."""

    def measure(programs: Programs, quick: bool) -> Measurement:
        rounds: dict[bool, list[float]] = {True: [], False: []}
        with Site(programs, quick) as counting, Site(UNCOUNTED, quick) as silent:
            for site in (counting, silent):
                site.start_server()
                if program == "agent":
                    site.start_agent()
                    site.load("register")
            for _ in range(1 if quick else ROUNDS):
                for site in (counting, silent):
                    rounds[site is counting].append(flatten(site.load(scenario))[f"{program}_cpu_us"])
        counted, plain = min(rounds[True]), min(rounds[False])
        return {
            "counted_us": counted,
            "plain_us": plain,
            "percent": max(0.0, 100 * (counted - plain) / plain),
            "raw": {"counted": rounds[True], "plain": rounds[False]},
        }

    return measure


def _read(programs: Programs, quick: bool) -> Measurement:
    """By HTTP, of a server that has counted calls of all kinds; each a connection of its own."""
    with Site(programs, quick, telemetry="Prometheus {}") as site:
        site.start_server()
        site.load("fill", count=500 if quick else ENTRIES)
        for scenario in ("list", "bundle", "mint-jwt", "mint-x509"):
            site.load(scenario, runs=1, seconds=1)
        found = PORT.search((site.folder / "server.log").read_text())
        if found is None:
            raise RuntimeError("the server serves no metrics")
        opener, taken, size = build_opener(ProxyHandler({})), [], 0
        for _ in range(READS):
            began = time.monotonic()
            with opener.open(f"http://localhost:{found[1]}/metrics", timeout=10) as answer:
                size = len(answer.read())
            taken.append((time.monotonic() - began) * 1000)
        return {"ms": median(taken), "max_ms": max(taken), "kib": size / 1024, "raw": {"ms": taken}}


def _row(name: str, title: str, program: str = "server") -> Row:
    goals = (Goal("percent", "%", 5), us("counted_us", None), us("plain_us", None))
    return Row(f"metrics-{name}", f"what counting costs: {title}", goals, _cost(program, name), stock=False)


ROWS = (
    _row("bundle", "GetBundle"),
    _row("mint-jwt", "MintJWTSVID"),
    _row("fetch-x509", "FetchX509SVID, new connection", "agent"),
    Row(
        "metrics-read",
        "/metrics of a server with 10,000 entries",
        (Goal("ms", "ms", 20), Goal("max_ms", "ms", None), Goal("kib", "KiB", None)),
        _read,
        stock=False,
    ),
)
