"""The rows in which the database counts, with PostgreSQL: a cluster of its own for each, commits on the disk."""

from __future__ import annotations

from statistics import median

from rows import Goal, Measure, Measurement, Row, flatten, per_second, us
from subject import Programs, Site

from finial.testing import postgres

RUNS = 3
ENTRIES = 10_000


def _create(size: int) -> Measure:
    def measure(programs: Programs, quick: bool) -> Measurement:
        with postgres.own(durable=True) as cluster, Site(programs, quick, postgres=cluster.dsn) as site:
            site.start_server()
            return flatten(site.load("create", size=size))

    return measure


def _list(programs: Programs, quick: bool) -> Measurement:
    with postgres.own(durable=True) as cluster, Site(programs, quick, postgres=cluster.dsn) as site:
        site.start_server()
        site.load("fill", count=500 if quick else ENTRIES)
        return flatten(site.load("list"))


def _start(programs: Programs, quick: bool) -> Measurement:
    with postgres.own(durable=True) as cluster, Site(programs, quick, postgres=cluster.dsn) as site:
        site.start_server()
        site.load("fill", count=500 if quick else ENTRIES)
        ready = []
        for _ in range(1 if quick else RUNS):
            site.stop("server")
            ready.append(site.start_server())
        return {"ready_ms": median(ready), "raw": ready}


def _change(programs: Programs, quick: bool) -> Measurement:
    with postgres.own(durable=True) as cluster, Site(programs, quick, postgres=cluster.dsn) as site:
        site.start()
        site.load("fill", count=100 if quick else ENTRIES)
        raw = site.load("change", rate=5, count=2 if quick else 100 if programs.finial else 6)
        created = raw["changes"]["create"]
        return {"raw": raw} | {
            f"create_{name}": created[f"{name}_us"] / 1000 for name in ("p50", "p99", "max")
        }


ROWS = (
    Row(
        "postgres-create",
        "PostgreSQL: BatchCreateEntry, 500 a call",
        (us("server_cpu_us", None), per_second(None)),
        _create(500),
    ),
    Row(
        "postgres-create-one",
        "PostgreSQL: BatchCreateEntry, 1 a call",
        (us("server_cpu_us", None), us("p50_us", None), per_second(None)),
        _create(1),
    ),
    Row(
        "postgres-list",
        "PostgreSQL: ListEntries, pages of 500",
        (us("server_cpu_us", None), per_second(None)),
        _list,
    ),
    Row(
        "postgres-start",
        "PostgreSQL: server with 10,000 entries, start to ready",
        (Goal("ready_ms", "ms", None),),
        _start,
    ),
    Row(
        "postgres-change",
        "PostgreSQL: entry created -> workload's stream, 5 changes/s, 10,000 other entries",
        tuple(Goal(f"create_{name}", "ms", None) for name in ("p50", "p99", "max")),
        _change,
    ),
)
