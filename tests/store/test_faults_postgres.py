"""Writes to PostgreSQL that are killed at their fault points are there in full or not at all.

A child process of its own is killed for each point; what is there before the commit is the state before, what
is there once it is committed the state after.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace

import psycopg
import pytest

from finial.registry.entry import Entry
from finial.registry.join_token import JoinToken
from finial.runtime import fault
from finial.runtime.clock import SystemClock
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Store
from finial.testing import postgres

OWN = TrustDomain("example.org")
ENTRY = Entry("e", SpiffeId(OWN, "/e"), SpiffeId(OWN, "/p"), (Selector("a", "1"), Selector("b", "2")))
COUNTS = (
    "SELECT (SELECT count(*) FROM registered_entries), (SELECT count(*) FROM selectors),"
    " (SELECT count(*) FROM join_tokens), (SELECT count(*) FROM finial_changes),"
    " (SELECT count(*) FROM registered_entries_events)"
)


async def write(dsn: str, name: str) -> None:
    store = await Store.open(dsn, clock=SystemClock(), poll_period=None)
    if name == "entries.create":
        await store.create_entries(
            [replace(ENTRY, id=f"n{n}", spiffe_id=SpiffeId(OWN, f"/{n}")) for n in "xyz"]
        )
    elif name == "tokens.take":
        await store.take_join_token("secret")
    else:
        await store.prune_expired_entries(100)
    await store.close()


def killed(dsn: str, name: str, setting: str) -> bool:
    """Whether the write came to the point."""
    done = subprocess.run([sys.executable, __file__, dsn, name, setting], capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def counts(dsn: str) -> tuple[object, ...] | None:
    with psycopg.connect(dsn) as connection:
        return connection.execute(COUNTS).fetchone()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["entries.create", "entries.prune", "tokens.take"])
def test_a_killed_write_is_there_in_full_or_not_at_all(name: str, cluster: postgres.Cluster) -> None:
    async def prepare(dsn: str) -> None:
        store = await Store.open(dsn, clock=SystemClock(), poll_period=None)
        await store.set_bundle(Bundle(OWN))
        await store.create_entries([replace(ENTRY, expires_at=5)])
        await store.create_join_token(JoinToken("secret", 5))
        await store.close()

    with cluster.schema() as dsn:
        asyncio.run(prepare(dsn))
        before = counts(dsn)
        for point in ("begin:1", "statement:1", "commit:1"):
            assert killed(dsn, name, f"{name}.{point}"), point
            assert counts(dsn) == before, point
        assert killed(dsn, name, f"{name}.committed:1")
        assert counts(dsn) != before


if __name__ == "__main__":
    fault._hook = fault.killer(sys.argv[3])
    asyncio.run(write(*sys.argv[1:3]))
