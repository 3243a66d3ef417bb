"""PostgreSQL dies under a whole domain and comes back: who has an identity keeps it, and nothing is started anew.

Writes are refused at once; what the server holds in its index is answered, an agent that starts in the outage too;
what another program wrote before our server was back on the database is found. A minute of that in the soak.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import psycopg
import pytest

from finial.client.identity import X509Context
from finial.client.workload import WorkloadApi
from finial.errors import Unavailable
from finial.testing import postgres
from finial.testing.domain import Domain

pytestmark = pytest.mark.slow
EVERYONE = f"unix:uid:{os.geteuid()}"
SHORT = 8  # seconds of an SVID's life: one renewal falls into the outage
THEIRS = (
    "WITH made AS (INSERT INTO registered_entries (created_at, updated_at, entry_id, spiffe_id, parent_id, ttl, admin,"
    " downstream, expiry, revision_number, store_svid, hint, jwt_svid_ttl)"
    " VALUES (now(), now(), 'theirs', %s, %s, 0, false, false, 0, 0, false, '', 0) RETURNING id)"
    " INSERT INTO selectors (created_at, updated_at, registered_entry_id, type, value)"
    " SELECT now(), now(), id, %s, %s FROM made"
)


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.own(durable=True) as running:
        yield running


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seconds", [0, pytest.param(60, marks=pytest.mark.soak)])
def test_identities_outlive_the_database_and_writes_go_on_after_it(
    tmp_path: Path, cluster: postgres.Cluster, seconds: int
) -> None:
    async def play() -> None:
        async with Domain(tmp_path, database=cluster.dsn) as domain:
            await domain.register("web", EVERYONE, ttl=SHORT)
            acknowledged, roots = await domain.entry_ids(), await domain.roots()
            processes = domain.server.popen.pid, domain.agent.popen.pid
            async with WorkloadApi(domain.endpoint) as api, aclosing(api.watch_x509()) as told:
                held = await anext(told)
                await asyncio.to_thread(cluster.kill)
                try:
                    await outage(domain, api, told, held, seconds)
                    assert await domain.roots() == roots
                finally:
                    await back_and_changed(domain, cluster)
                more = await written_again(domain)
                assert await domain.entry_ids() == acknowledged | {more, "theirs"}
                await listening_again(domain)
                await domain.register("last", EVERYONE)
                await until_told_of(told, domain, {"web", "more", "last", "theirs"})
            assert (domain.server.popen.pid, domain.agent.popen.pid) == processes
            assert domain.agent_log.count("Node attestation was successful") == 1
            assert domain.server_log.count("Fatal") == 0

    asyncio.run(play())


async def outage(
    domain: Domain, api: WorkloadApi, told: AsyncIterator[X509Context], held: X509Context, seconds: int
) -> None:
    end = time.monotonic() + seconds
    await refused_soon(domain)
    await identities_go_on(domain, api, told, held)
    while time.monotonic() < end:
        await refused_soon(domain)
        async with WorkloadApi(domain.endpoint) as other, asyncio.timeout(2):
            assert (await other.fetch_x509()).default.id == domain.id_of("web")
        await asyncio.sleep(1)


async def back_and_changed(domain: Domain, cluster: postgres.Cluster) -> None:
    """The database is there again, and another program has written to it before our server could know."""
    domain.server.process.signal(signal.SIGSTOP)
    try:
        await asyncio.to_thread(cluster.start)
        async with await psycopg.AsyncConnection.connect(cluster.dsn) as connection:
            parameters = (str(domain.id_of("theirs")), str(domain.node), *EVERYONE.split(":", 1))
            await connection.execute(THEIRS, parameters)
    finally:
        domain.server.process.signal(signal.SIGCONT)


@pytest.mark.timeout(120)
def test_an_agent_that_starts_while_the_database_is_away_serves_its_workloads(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play() -> None:
        async with Domain(tmp_path, database=cluster.dsn) as domain:
            await domain.register("web", EVERYONE, ttl=SHORT)
            await asyncio.to_thread(cluster.kill)
            try:
                await domain.kill_agent()
                await domain.start_agent()
                async with WorkloadApi(domain.endpoint) as api, aclosing(api.watch_x509()) as told:
                    async with asyncio.timeout(3 * SHORT):
                        first, second = await anext(told), await anext(told)
                    assert first.default.id == second.default.id == domain.id_of("web")
            finally:
                await asyncio.to_thread(cluster.start)

    asyncio.run(play())


async def refused_soon(domain: Domain) -> None:
    """Each time, not only at the first."""
    for _ in range(3):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(2):
                await domain.register("lost", EVERYONE)


async def identities_go_on(
    domain: Domain, api: WorkloadApi, told: AsyncIterator[X509Context], held: X509Context
) -> None:
    """The open stream gets a renewed SVID; who comes now gets SVIDs of both kinds."""
    async with asyncio.timeout(2 * SHORT):
        renewed = await anext(told)
    assert renewed.default.id == held.default.id == domain.id_of("web")
    assert renewed.default.svid.chain != held.default.svid.chain
    async with WorkloadApi(domain.endpoint) as other, asyncio.timeout(2):
        assert (await other.fetch_x509()).default.id == domain.id_of("web")
    (token,) = await api.fetch_jwt("an audience of its own")
    assert token.id == domain.id_of("web")


async def written_again(domain: Domain) -> str:
    """The ID of the entry, which the agent has in hand."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await domain.register("more", EVERYONE)
            except Unavailable:
                await asyncio.sleep(0.05)


async def listening_again(domain: Domain) -> None:
    """Not only looking."""
    async with asyncio.timeout(20):
        while True:
            if domain.server_log.count("Listening for changes") == 2:
                return
            await asyncio.sleep(0.05)


async def until_told_of(told: AsyncIterator[X509Context], domain: Domain, names: set[str]) -> None:
    async with asyncio.timeout(10):
        async for context in told:
            if {one.id for one in context.identities} == {domain.id_of(name) for name in names}:
                return
