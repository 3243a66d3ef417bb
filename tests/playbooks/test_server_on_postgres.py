"""Servers on PostgreSQL: a life with its agent, a database that goes away, and a second server beside."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from grpclib.const import Status

from finial import SPIRE_VERSION
from finial.errors import FailedPrecondition
from finial.runtime import fault
from finial.runtime.grpc import GRPCError, unary
from finial.spiffe.id import SpiffeId
from finial.store import schema
from finial.store.dialect import POSTGRES
from finial.testing import postgres
from finial.testing.server import TRUST_DOMAIN, Identity, Running, attest, server
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.own() as running:
        yield running


async def create(running: Running, agent: Identity, name: str) -> int:
    """An entry below the agent; the code of its own status."""
    entry = types_pb2.Entry(id=name, parent_id=id_to_wire(agent.id))
    entry.spiffe_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, f"/{name}")))
    entry.selectors.add(type="a", value="b")
    request = entry_pb2.BatchCreateEntryRequest(entries=[entry])
    async with running.admin() as channel:
        answer = await unary(EntryStub(channel).BatchCreateEntry, request)
    return answer.results[0].status.code


async def until(ask: Callable[[], Awaitable[object]], answer: object) -> None:
    """Asks until this is the answer."""
    while True:
        if await ask() == answer:
            return
        await asyncio.sleep(0.05)


async def authorized(running: Running, agent: Identity) -> list[str]:
    async with running.remote(agent) as channel:
        answer = await unary(EntryStub(channel).GetAuthorizedEntries, entry_pb2.GetAuthorizedEntriesRequest())
    return sorted(entry.id for entry in answer.entries)


def test_an_agent_attests_and_gets_its_entries_also_after_a_restart(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play(database: str) -> None:
        async with server(tmp_path, database=database) as running:
            agent = await attest(running)
            assert await create(running, agent, "e") == 0
            assert await authorized(running, agent) == ["e"]
        async with server(tmp_path, database=database) as running:
            other = await attest(running)
            assert await create(running, other, "f") == 0
            assert await authorized(running, other) == ["f"]

    with cluster.schema() as database:
        asyncio.run(play(database))


def test_what_is_written_at_one_server_is_known_at_the_other(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play(database: str) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        async with (
            server(tmp_path / "one", database=database) as one,
            server(tmp_path / "two", database=database) as two,
        ):
            agent = await attest(one)
            assert await create(two, agent, "e") == 0
            here = await two.server.store.changes.position()
            await asyncio.wait_for(one.server.follower.reached(here), 10)
            assert await authorized(one, agent) == ["e"]

    with cluster.schema() as database:
        asyncio.run(play(database))


def test_a_role_that_may_change_no_table_serves_a_database_that_is_complete(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play(database: str) -> None:
        limited = database.replace("finial@", "limited@")
        stock(database)
        with pytest.raises(
            FailedPrecondition, match="has no change log of Finial, and migration is disabled"
        ):
            async with server(tmp_path, database=database, datastore="disable_migration = true"):
                pass
        async with server(tmp_path, database=database):
            pass
        allow_rows(database)
        async with server(tmp_path, database=limited, datastore="disable_migration = true") as running:
            agent = await attest(running)
            assert await create(running, agent, "e") == 0
            assert await authorized(running, agent) == ["e"]

    cluster.execute("CREATE ROLE limited LOGIN")
    with cluster.schema() as database:
        asyncio.run(play(database))


def test_a_caller_is_told_that_a_write_may_have_happened_and_may_ask_again(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play(database: str) -> None:
        async with server(tmp_path, database=database) as running:
            agent = await attest(running)
            still = cluster.standing_still()

            def stop(point: str) -> None:
                if point == "entries.create.commit":
                    still.__enter__()

            try:
                with fault.hooked(stop), pytest.raises(GRPCError) as caught:
                    await create(running, agent, "e")
            finally:
                still.__exit__(None, None, None)
            assert caught.value.status == Status.UNAVAILABLE
            assert "no answer to the commit, the change may have been made" in str(caught.value.message)
            async with asyncio.timeout(20):
                await until(lambda: authorized(running, agent), ["e"])
                assert await create(running, agent, "e") == Status.ALREADY_EXISTS.value
            assert await authorized(running, agent) == ["e"]

    with cluster.schema() as database:
        asyncio.run(play(f"{database}&connect_timeout=2"))


def stock(database: str) -> None:
    """The tables that a stock server makes."""
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in schema.statements(POSTGRES):
            connection.execute(statement.encode())
        connection.execute(
            "INSERT INTO migrations (version, code_version) VALUES (%s, %s)", (schema.VERSION, SPIRE_VERSION)
        )


def allow_rows(database: str) -> None:
    """Rows, and nothing else."""
    with psycopg.connect(database, autocommit=True) as connection:
        (name,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        for right in (
            f"USAGE ON SCHEMA {name}",
            f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name}",
            f"USAGE ON ALL SEQUENCES IN SCHEMA {name}",
        ):
            connection.execute(f"GRANT {right} TO limited".encode())


def test_while_the_database_is_gone_reads_go_on_and_writes_are_unavailable(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play(database: str) -> None:
        async with server(tmp_path, database=database) as running:
            agent = await attest(running)
            assert await create(running, agent, "e") == 0
            await asyncio.to_thread(cluster.stop)
            try:
                assert await refused(running, agent) == Status.UNAVAILABLE
                assert await authorized(running, agent) == ["e"]
            finally:
                await asyncio.to_thread(cluster.start)
            async with asyncio.timeout(20):
                await until(lambda: refused(running, agent), None)
                await until(lambda: authorized(running, agent), ["e", "f"])

    async def refused(running: Running, agent: Identity) -> Status | None:
        try:
            code = await create(running, agent, "f")
        except GRPCError as error:
            return error.status
        return Status(code) if code else None

    with cluster.schema() as database:
        asyncio.run(play(database))
