"""Writers go on while PostgreSQL's processes are killed at random: each was told the truth about its write.

What was acknowledged is there; what was refused is not; only where the error says so nobody knows. Backends are
terminated, which ends one connection, and now and then killed, which ends all of them and recovers from the disk.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

import psycopg
import pytest

from finial.errors import Unavailable
from finial.registry.join_token import JoinToken
from finial.runtime.clock import SystemClock
from finial.store import Store
from finial.testing import postgres

pytestmark = pytest.mark.slow
WRITERS = 8
MAYBE = "may have been made"
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'finial'"
    " ORDER BY random() LIMIT 1"
)
ANY = "SELECT pid FROM pg_stat_activity WHERE application_name = 'finial' ORDER BY random() LIMIT 1"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_every_writer_was_told_the_truth(seconds: int) -> None:
    async def main(cluster: postgres.Cluster) -> dict[str, str]:
        told: dict[str, str] = {}
        store = await Store.open(cluster.dsn, clock=SystemClock())
        try:
            async with asyncio.TaskGroup() as group:
                end = time.monotonic() + seconds
                for number in range(WRITERS):
                    group.create_task(write(store, number, told, end))
                group.create_task(asyncio.to_thread(harm, cluster, random.Random(seconds), end))
        finally:
            await store.close()
        return told

    with postgres.own(durable=True) as cluster:
        told = asyncio.run(main(cluster))
        stored = tokens(cluster.dsn)
    kept, refused = (
        {name for name, what in told.items() if what == kind} for kind in ("acknowledged", "refused")
    )
    print(Counter(told.values()))  # shown by -s
    assert kept and refused, "it was not tried"
    assert kept <= stored, "acknowledged and lost"
    assert not refused & stored, "refused and there"


async def write(store: Store, number: int, told: dict[str, str], end: float) -> None:
    for one in range(1_000_000):
        if time.monotonic() > end:
            return
        name = f"{number}-{one}"
        try:
            await store.create_join_token(JoinToken(name, 1))
            told[name] = "acknowledged"
        except Unavailable as why:
            told[name] = "unknown" if MAYBE in str(why) else "refused"
            await asyncio.sleep(0.01)


def harm(cluster: postgres.Cluster, dice: random.Random, end: float) -> None:
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError), psycopg.connect(cluster.dsn, autocommit=True) as connection:
            while time.monotonic() < end:
                time.sleep(dice.random() * 0.1)
                if dice.random() < 0.95:
                    connection.execute(TERMINATE)
                else:
                    for (pid,) in connection.execute(ANY).fetchall():
                        os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def tokens(dsn: str) -> set[str]:
    """Once it is back."""
    end = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(dsn) as connection:
                return {name for (name,) in connection.execute("SELECT token FROM join_tokens")}
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.1)
