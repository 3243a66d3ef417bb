"""Rows of the server: entries written, listed and synchronized; the bundle."""

from __future__ import annotations

from rows import Goal, Measure, Measurement, Row, flatten, per_second, us
from signing import server_load
from subject import Programs, Site

ENTRIES = 10_000


def _list(programs: Programs, quick: bool) -> Measurement:
    with Site(programs, quick) as site:
        site.start_server()
        site.load("fill", count=500 if quick else ENTRIES)
        return flatten(site.load("list"))


def _sync(scenario: str) -> Measure:
    def measure(programs: Programs, quick: bool) -> Measurement:
        with Site(programs, quick) as site:
            site.start_server()
            return flatten(site.load(scenario, count=600 if quick else ENTRIES))

    return measure


def _create_after(programs: Programs, quick: bool) -> Measurement:
    """Below one parent that has 10,000 already."""
    with Site(programs, quick) as site:
        site.start_server()
        site.load("create", size=500, count=1, limit=20, seconds=60, runs=1)
        return flatten(site.load("create", size=500, count=1, limit=10))


ROWS = (
    Row(
        "create-entries",
        "BatchCreateEntry, 500 a call",
        (us("server_cpu_us", 110), per_second(8000)),
        server_load("create", size=500),
    ),
    Row(
        "create-one-parent",
        "BatchCreateEntry, 500 a call, 10,000 and more below one parent",
        (us("server_cpu_us", 110), per_second(8000)),
        _create_after,
    ),
    Row(
        "create-one",
        "BatchCreateEntry, 1 a call",
        (us("server_cpu_us", None), us("p50_us", None), per_second(None)),
        server_load("create", size=1),
    ),
    Row("list-entries", "ListEntries, pages of 500", (us("server_cpu_us", 3), per_second(None)), _list),
    Row(
        "sync-full",
        "SyncAuthorizedEntries, 10,000 entries, in full",
        (Goal("p50_us", "us", 25_000), us("server_cpu_us", None)),
        _sync("sync-full"),
    ),
    Row(
        "sync-revisions",
        "SyncAuthorizedEntries, 10,000 entries, revisions only",
        (us("server_cpu_us", 1000), us("p50_us", None)),
        _sync("sync-revisions"),
    ),
    Row(
        "bundle-1",
        "GetBundle, Unix socket, 1 caller",
        (us("server_cpu_us", 240), us("p50_us", None)),
        server_load("bundle"),
    ),
    Row(
        "bundle-16",
        "GetBundle, Unix socket, 16 callers",
        (us("server_cpu_us", 240), per_second(None)),
        server_load("bundle", callers=16),
    ),
)
