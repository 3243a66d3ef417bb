"""PostgreSQL dies under a whole domain and comes back: who has an identity keeps it, and nothing is started anew."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from finial.client.identity import X509Context
from finial.client.workload import WorkloadApi
from finial.errors import Unavailable
from finial.testing import postgres
from finial.testing.domain import Domain

pytestmark = pytest.mark.slow
EVERYONE = f"unix:uid:{os.geteuid()}"
SHORT = 8  # seconds of an SVID's life: one renewal falls into the outage


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.own(durable=True) as running:
        yield running


@pytest.mark.timeout(120)
def test_identities_outlive_the_database_and_writes_go_on_after_it(
    tmp_path: Path, cluster: postgres.Cluster
) -> None:
    async def play() -> None:
        async with Domain(tmp_path, database=cluster.dsn) as domain:
            await domain.register("web", EVERYONE, ttl=SHORT)
            acknowledged = await domain.entry_ids()
            processes = domain.server.popen.pid, domain.agent.popen.pid
            async with WorkloadApi(domain.endpoint) as api, aclosing(api.watch_x509()) as told:
                held = await anext(told)
                await asyncio.to_thread(cluster.kill)
                try:
                    await refused_soon(domain)
                    await identities_go_on(domain, api, told, held)
                finally:
                    await asyncio.to_thread(cluster.start)
                more = await written_again(domain)
                assert await domain.entry_ids() == acknowledged | {more}
                await listening_again(domain)
                await domain.register("last", EVERYONE)
                await until_told_of(told, domain, {"web", "more", "last"})
            assert (domain.server.popen.pid, domain.agent.popen.pid) == processes
            assert domain.agent_log.count("Node attestation was successful") == 1

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
