"""What is PostgreSQL's alone: commits out of order, a server that goes away, rights, the log's own care."""

from __future__ import annotations

import asyncio
import io
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest

from finial.errors import FailedPrecondition, Unavailable
from finial.registry.join_token import JoinToken
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Change, Kind, Store, migrate
from finial.store.engine_postgres import PostgresEngine, PostgresTransaction
from finial.store.location import FEWEST_CONNECTIONS, Postgres
from finial.testing import postgres

OWN = TrustDomain("example.org")
Connection = psycopg.AsyncConnection[tuple[Any, ...]]


@pytest.fixture
def dsn(cluster: postgres.Cluster) -> Iterator[str]:
    with cluster.schema() as fresh:
        yield fresh


def using(dsn: str, work: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        store = await Store.open(dsn, clock=SystemClock())
        try:
            async with asyncio.timeout(40):
                await work(store)
        finally:
            await store.close()

    asyncio.run(main())


async def other(dsn: str) -> Connection:
    """Another program's connection."""
    return await psycopg.AsyncConnection.connect(dsn)


async def in_another_database(dsn: str) -> Connection:
    """Of the same cluster, whose transactions are numbered together."""
    return await other(dsn.replace("/postgres?", "/template1?"))


async def token(connection: Connection, name: str) -> str:
    """Its row ID, which is its key in the log."""
    made = await connection.execute(
        "INSERT INTO join_tokens (token, expiry) VALUES (%s, 1) RETURNING id", (name,)
    )
    row = await made.fetchone()
    assert row is not None
    return str(row[0])


def test_a_commit_that_was_overtaken_is_seen_when_it_comes(dsn: str) -> None:
    async def work(store: Store) -> None:
        slow, neighbour = await other(dsn), await in_another_database(dsn)
        position = await store.changes.position()
        late = await token(slow, "late")
        await neighbour.execute("SELECT pg_current_xact_id()")  # stays open all the time
        await store.create_join_token(JoinToken("early", 1))
        found, position = await store.changes.read(position)
        assert len(found) == 1 and found != [Change(Kind.TOKEN, late)]
        async with asyncio.TaskGroup() as group:
            group.create_task(store.changes.wait(position))
            group.create_task(slow.commit())
        found, _ = await store.changes.read(position)
        assert found == [Change(Kind.TOKEN, late)]
        await slow.close()
        await neighbour.close()

    using(dsn, work)


@pytest.mark.slow
def test_no_change_is_lost_or_seen_twice_however_commits_interleave(dsn: str) -> None:
    async def write(number: int, committed: list[str]) -> None:
        dice = random.Random(number)
        connection = await other(dsn)
        for one in range(40):
            key = await token(connection, f"{number}-{one}")
            await asyncio.sleep(dice.random() * 0.005)
            if dice.random() < 0.1:
                await connection.rollback()
            else:
                await connection.commit()
                committed.append(key)
        await connection.close()

    async def work(store: Store) -> None:
        neighbour = await in_another_database(dsn)
        await neighbour.execute("SELECT pg_current_xact_id()")
        position = await store.changes.position()
        committed: list[str] = []
        seen: list[str] = []
        async with asyncio.TaskGroup() as group:
            writers = [group.create_task(write(number, committed)) for number in range(8)]
            while not all(one.done() for one in writers):
                found, position = await store.changes.read(position)
                seen += [one.key for one in found]
                await asyncio.sleep(0)
        found, position = await store.changes.read(position)
        seen += [one.key for one in found]
        assert len(seen) == len(set(seen)) and set(seen) == set(committed)
        await neighbour.close()

    using(dsn, work)


def test_a_truncated_table_asks_for_everything(dsn: str) -> None:
    async def work(store: Store) -> None:
        position = await store.changes.position()
        connection = await other(dsn)
        await connection.execute("TRUNCATE join_tokens")
        await connection.commit()
        await connection.close()
        with pytest.raises(FailedPrecondition, match="another history"):
            await store.changes.read(position)

    using(dsn, work)


def test_old_rows_go_and_who_stood_before_them_is_refused(dsn: str) -> None:
    async def work(store: Store) -> None:
        before = await store.changes.position()
        await store.create_join_token(JoinToken("t", 1))
        connection = await other(dsn)
        await connection.execute("UPDATE finial_changes SET at = now() - interval '13 hours'")
        await connection.commit()
        await connection.close()
        assert await store.changes.trim([before]) == 0
        gone = 0
        for _ in range(500):  # a row stays while transactions of other tests may yet come before it
            after = await store.changes.position()
            if gone := await store.changes.trim([after]):
                break
            await asyncio.sleep(0.02)
        assert gone == 1
        with pytest.raises(FailedPrecondition, match="another history"):
            await store.changes.read(before)
        assert (await store.changes.read(after))[0] == []

    using(dsn, work)


def test_a_missing_trigger_begins_a_new_history(dsn: str) -> None:
    async def work() -> None:
        store = await Store.open(dsn, clock=SystemClock())
        before = await store.changes.position()
        await store.close()
        connection = await other(dsn)
        await connection.execute("DROP TRIGGER finial_insert ON selectors")
        await connection.commit()
        await connection.close()
        store = await Store.open(dsn, clock=SystemClock())
        with pytest.raises(FailedPrecondition, match="another history"):
            await store.changes.read(before)
        await store.close()

    asyncio.run(work())


def test_hand_back_leaves_nothing_of_ours(dsn: str) -> None:
    async def work() -> None:
        engine = await PostgresEngine.open(Postgres(dsn), SystemClock())
        await migrate.prepare(engine)
        await migrate.hand_back(engine)
        left = await engine.read(
            lambda tx: tx.rows(
                "SELECT proname FROM pg_proc WHERE pronamespace = CAST(current_schema() AS regnamespace)"
                " UNION SELECT relname FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)"
                " AND starts_with(relname, 'finial_')"
            )
        )
        await engine.close()
        assert left == []

    asyncio.run(work())


def test_two_servers_that_make_one_bundle_at_once_lose_nothing(dsn: str) -> None:
    async def work(store: Store) -> None:
        second = await Store.open(dsn, clock=SystemClock())
        keys = [JwtAuthority(f"key-{number}", b"k") for number in range(20)]
        await asyncio.gather(
            *(
                (store, second)[number % 2].append_bundle(Bundle(OWN, jwt_authorities=(key,)))
                for number, key in enumerate(keys)
            )
        )
        bundle = await store.bundle(OWN)
        assert bundle is not None and set(bundle.jwt_authorities) == set(keys)
        await second.close()

    using(dsn, work)


def test_a_deadlock_is_tried_again(dsn: str) -> None:
    async def work() -> None:
        engine = await PostgresEngine.open(Postgres(dsn), SystemClock())
        await engine.write("w", lambda tx: tx.run("CREATE TABLE t (id int primary key, n int)"))
        await engine.write("w", lambda tx: tx.run("INSERT INTO t VALUES (1, 0), (2, 0)"))

        def crossing(first: int) -> Callable[[PostgresTransaction], None]:
            def add(tx: PostgresTransaction) -> None:
                for id_ in (first, 3 - first):
                    tx.run("UPDATE t SET n = n + 1 WHERE id = :id", id=id_)
                    tx.row("SELECT pg_sleep(0.05)")

            return add

        await asyncio.gather(*(engine.write("w", crossing(number % 2 + 1)) for number in range(2)))
        assert await engine.read(lambda tx: tx.rows("SELECT n FROM t")) == [(2,), (2,)]
        await engine.close()

    asyncio.run(work())


@pytest.mark.slow
def test_a_server_that_is_gone_is_unavailable_at_once_and_comes_back() -> None:
    async def work(cluster: postgres.Cluster) -> None:
        store = await Store.open(cluster.dsn, clock=SystemClock())
        position = await store.changes.position()
        await asyncio.to_thread(cluster.stop)
        for _ in range(3):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(Unavailable):
                await store.create_join_token(JoinToken("lost", 1))
            assert asyncio.get_running_loop().time() - begun < 1
        await asyncio.to_thread(cluster.start)
        async with asyncio.timeout(20):
            while True:
                try:
                    await store.create_join_token(JoinToken("kept", 1))
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
            connection = await other(cluster.dsn)
            await token(connection, "theirs")
            found, position = await store.changes.read(position)
            async with asyncio.TaskGroup() as group:
                group.create_task(store.changes.wait(position))
                group.create_task(connection.commit())
            await connection.close()
        assert len(found) == 1
        assert len((await store.changes.read(position))[0]) == 1
        await store.close()

    with postgres.own() as cluster:
        asyncio.run(work(cluster))


@pytest.mark.parametrize("lifetime", [0.0, 0.001])
def test_connections_are_made_anew_once_they_are_of_the_age_configured(dsn: str, lifetime: float) -> None:
    async def work() -> None:
        own = f"{dsn}&application_name={secrets.token_hex(8)}"
        location = Postgres(own, FEWEST_CONNECTIONS, connection_lifetime=lifetime)
        store = await Store.open(location, clock=SystemClock(), poll_period=None)
        watching = await other(dsn)

        async def clients() -> set[int]:
            asked = await watching.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = %s", (own[-16:],)
            )
            return {row[0] for row in await asked.fetchall()}

        await store.create_join_token(JoinToken("first", 1))
        await watching.rollback()
        before = await clients()
        await store.create_join_token(JoinToken("second", 1))
        await watching.rollback()  # activity is a snapshot of each transaction
        assert bool(await clients() - before) == bool(lifetime)
        await watching.close()
        await store.close()

    asyncio.run(work())


def test_where_notifications_do_not_arrive_it_looks_and_says_so(dsn: str) -> None:
    said = io.StringIO()

    async def work() -> None:
        away = Postgres(dsn, listen_connection_string="host=127.0.0.1 port=1 user=u password=s3cret")
        clock = SystemClock()
        log = Logger(Output(said, now=clock.now))
        store = await Store.open(away, clock=clock, log=log)
        connection = await other(dsn)
        async with asyncio.timeout(10):
            for number in range(3):
                position = await store.changes.position()
                waiting = asyncio.ensure_future(store.changes.wait(position))
                await token(connection, f"t{number}")
                await connection.commit()
                await waiting
        await connection.close()
        await store.close()

    asyncio.run(work())
    assert said.getvalue().count("Not told of changes, looking for them instead") == 1
    assert "s3cret" not in said.getvalue()


def test_when_it_is_told_of_changes_it_says_so(dsn: str) -> None:
    said = io.StringIO()

    async def work() -> None:
        clock = SystemClock()
        store = await Store.open(dsn, clock=clock, log=Logger(Output(said, now=clock.now)))
        position = await store.changes.position()
        async with asyncio.timeout(10):
            await store.changes.wait(position)  # woken once the listener has proved itself
        await store.close()

    asyncio.run(work())
    assert "Listening for changes" in said.getvalue()
