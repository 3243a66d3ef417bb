from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from finial.errors import FinialError
from finial.lab import enrol
from finial.lab.topology import LAB, selector_of
from finial.spiffe import bundle_document
from finial.testing.server import server
from finial.wire.client import ServerApi
from finial.wire.convert.id import id_from_wire
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import ListEntriesRequest

pytestmark = pytest.mark.slow


@asynccontextmanager
async def admin(folder: Path) -> AsyncIterator[ServerApi]:
    async with server(folder) as running:
        await enrol.check_serving(running.server.socket_path)
        async with ServerApi.at(str(running.server.socket_path)) as api:
            yield api


async def lifetimes(api: ServerApi) -> dict[str, int]:
    """By SPIFFE ID; entries that are aliases of agents are left out."""
    found = (await api.entry.ListEntries(ListEntriesRequest())).entries
    return {
        str(id_from_wire(one.spiffe_id)): one.x509_svid_ttl
        for one in found
        if id_from_wire(one.parent_id) == LAB.node
    }


def test_entries_are_made_once_and_brought_up_to_date(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with admin(tmp_path) as api:
            await enrol.register(api, LAB)
            first = await lifetimes(api)
            assert first[str(LAB.id_of("payment-api"))] == 600
            assert len(first) == 4
            await enrol.register(api, LAB)
            assert await lifetimes(api) == first
            await enrol.register(api, LAB.with_ttl(30))
            assert (await lifetimes(api))[str(LAB.id_of("payment-api"))] == 30

    asyncio.run(scenario())


def test_each_entry_is_for_one_service_that_is_handed_over() -> None:
    assert [one.selectors[0].value for one in enrol.entries(LAB)] == [
        *(selector_of(name).value for name in LAB.names),
        "service:verifier",
    ]


def test_a_token_brings_an_alias_and_retiring_takes_it_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with admin(tmp_path) as api:
            agent = enrol.agent_of(LAB, await enrol.join_token(api, LAB))
            assert await aliases(api) == [(str(agent), str(LAB.node))]
            await enrol.retire(api, [agent])
            assert await aliases(api) == []
            await enrol.retire(api, [agent])

    asyncio.run(scenario())


async def aliases(api: ServerApi) -> list[tuple[str, str]]:
    found = (await api.entry.ListEntries(ListEntriesRequest())).entries
    return [(str(id_from_wire(one.parent_id)), str(id_from_wire(one.spiffe_id))) for one in found]


def test_the_bundle_is_written_privately(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with admin(tmp_path) as api:
            await enrol.write_bundle(api, tmp_path / "bundle.pem")

    asyncio.run(scenario())
    bundle = bundle_document.parse_pem((tmp_path / "bundle.pem").read_bytes(), LAB.trust_domain)
    assert len(bundle.x509_roots) == 1
    assert stat.S_IMODE((tmp_path / "bundle.pem").stat().st_mode) == 0o600


def test_no_server_is_not_serving(tmp_path: Path) -> None:
    with pytest.raises(FinialError):
        asyncio.run(enrol.check_serving(tmp_path / "none.sock"))
