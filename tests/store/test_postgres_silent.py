"""A PostgreSQL whose machine answers and whose processes do not: stopped, in a debugger, on a disk that hangs.

TCP takes every byte for it and is content. What is asked of it fails within a bound all the same, the next
callers fail at once, and once it goes on, or another one has its address, so does everything else.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator

import psycopg
import pytest

from finial.errors import Unavailable
from finial.registry.join_token import JoinToken
from finial.runtime import fault
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.store import Store, listen, postgres_connection, postgres_pool
from finial.store.location import FEWEST_CONNECTIONS, Postgres
from finial.testing import postgres

pytestmark = pytest.mark.slow
GREETING, PATIENCE = postgres_connection.GREETING, postgres_connection.PATIENCE
BOUND = 0.5  # seconds, in place of the five and ten
MAYBE = "may have been made"


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.own() as running:
        yield running


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GREETING <= 5 and PATIENCE <= 10
    monkeypatch.setattr(postgres_pool, "GREETING", BOUND)
    monkeypatch.setattr(postgres_pool, "PATIENCE", BOUND)
    monkeypatch.setattr(postgres_connection.Connection, "patience", BOUND)
    monkeypatch.setattr(listen, "SAFETY", BOUND)
    monkeypatch.setattr(postgres_connection, "GREETING", BOUND)


def using(
    cluster: postgres.Cluster, work: Callable[[Store, str], Awaitable[None]], connections: int = 100
) -> str:
    """What was logged."""
    said = io.StringIO()

    async def main(dsn: str) -> None:
        clock = SystemClock()
        log = Logger(Output(said, now=clock.now))
        location = Postgres(f"{dsn}&connect_timeout=2", connections)
        store = await Store.open(location, clock=clock, log=log)
        try:
            async with asyncio.timeout(40):
                await work(store, dsn)
        finally:
            await store.close()

    with cluster.schema() as dsn:
        asyncio.run(main(dsn))
    return said.getvalue()


async def write(store: Store, name: str) -> None:
    await store.create_join_token(JoinToken(name, 1))


async def refused(store: Store) -> tuple[float, str]:
    """Seconds that it took, and why."""
    begun = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        await write(store, "lost")
    return time.monotonic() - begun, str(caught.value)


async def written(store: Store, name: str) -> None:
    while True:
        try:
            return await write(store, name)
        except Unavailable:
            await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0.05)


def tokens(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {token for (token,) in connection.execute("SELECT token FROM join_tokens")}


def test_who_asks_is_refused_within_the_bound_then_at_once_and_it_recovers_by_itself(
    cluster: postgres.Cluster,
) -> None:
    async def work(store: Store, dsn: str) -> None:
        await asyncio.gather(*(write(store, f"kept{n}") for n in range(20)))  # every writer has a connection
        with cluster.standing_still():
            took = await asyncio.gather(*(refused(store) for _ in range(40)))
            assert max(seconds for seconds, _ in took) < 4 * BOUND, took
            assert all(MAYBE not in why for _, why in took), took
            with pytest.raises(Unavailable):
                await store.changes.position()
            asked = []
            async with asyncio.TaskGroup() as group:
                for _ in range(100):
                    asked.append(group.create_task(refused(store)))
                    await asyncio.sleep(0.02)
            assert sum(one.result()[0] > 0.2 for one in asked) <= 5, "one at a time sees whether it is back"
        await written(store, "after")
        assert "lost" not in tokens(dsn)

    using(cluster, work)


def test_a_commit_without_an_answer_is_told_as_unknown_and_asking_again_is_safe(
    cluster: postgres.Cluster,
) -> None:
    async def work(store: Store, dsn: str) -> None:
        still = cluster.standing_still()

        def stop(point: str) -> None:
            if point == "tokens.create.commit":
                still.__enter__()

        try:
            with fault.hooked(stop):
                _, why = await refused(store)
            assert MAYBE in why and "no answer" in why
        finally:
            still.__exit__(None, None, None)
        await until(lambda: "lost" in tokens(dsn))  # the commit was on its way
        assert await store.take_join_token("lost") is not None
        await written(store, "after")

    using(cluster, work)


def test_a_statement_without_an_answer_was_not_committed_and_is_told_so(cluster: postgres.Cluster) -> None:
    async def work(store: Store, dsn: str) -> None:
        still = cluster.standing_still()

        def stop(point: str) -> None:
            if point == "tokens.create.begin":
                still.__enter__()

        try:
            with fault.hooked(stop):
                _, why = await refused(store)
            assert MAYBE not in why and "no answer" in why
        finally:
            still.__exit__(None, None, None)
        await written(store, "after")
        assert tokens(dsn) == {"after"}

    using(cluster, work)


def test_one_process_that_stands_still_costs_one_write(cluster: postgres.Cluster) -> None:
    async def work(store: Store, dsn: str) -> None:
        await write(store, "first")
        (pid,) = backends(dsn, "finial", "COMMIT")
        os.kill(pid, signal.SIGSTOP)
        try:
            await refused(store)
            await written(store, "second")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert tokens(dsn) == {"first", "second"}

    using(cluster, work, FEWEST_CONNECTIONS)


def backends(dsn: str, name: str, last: str) -> list[int]:
    """Processes of connections with this name and last statement."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND query = %s", (name, last)
        )
        return [pid for (pid,) in found]


def test_a_lock_that_another_program_holds_is_told_before_that(
    cluster: postgres.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert int(postgres_connection.LOCK_PATIENCE.removesuffix("s")) < PATIENCE
    monkeypatch.setattr(postgres_pool, "BEGIN", "BEGIN ISOLATION LEVEL {}; SET LOCAL lock_timeout TO '100ms'")

    async def work(store: Store, dsn: str) -> None:
        with psycopg.connect(dsn) as other:
            other.execute("LOCK join_tokens")
            _, why = await refused(store)
            assert "lock timeout" in why and MAYBE not in why
        await write(store, "after")

    using(cluster, work)


def test_a_listener_that_hears_nothing_asks_and_listens_elsewhere(cluster: postgres.Cluster) -> None:
    async def work(store: Store, dsn: str) -> None:
        position = await store.changes.position()
        await store.changes.wait(position)  # woken once the listener has proved itself
        (pid,) = listening(dsn)
        os.kill(pid, signal.SIGSTOP)
        try:
            await until(lambda: bool(set(listening(dsn)) - {pid}))
        finally:
            os.kill(pid, signal.SIGCONT)

    assert using(cluster, work).count("Listening for changes") == 2


def listening(dsn: str) -> list[int]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'finial'"
            " AND (query LIKE 'SELECT pg_notify%' OR query = 'SELECT 1')"
        )
        return [pid for (pid,) in found]
