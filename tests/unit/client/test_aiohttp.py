from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from finial.client import aiohttp as adapter
from finial.client import authorize
from finial.testing.asgi import serving
from finial.testing.ca import TestCa
from finial.testing.loops import Run, each_loop
from finial.testing.workload import Workload, workloads

PAYMENT = authorize.one_of("spiffe://example.org/payment")
CA = TestCa()


def session(workload: Workload) -> tuple[aiohttp.ClientSession, adapter.FollowingConnector]:
    made = adapter.connector(workload.source, PAYMENT)
    assert isinstance(made, adapter.FollowingConnector)
    return aiohttp.ClientSession(connector=made), made


@each_loop
def test_a_call_is_made_and_known_by_id(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            async with serving(payment.source) as url, session(web)[0] as http:
                async with http.get(url) as answer:
                    assert await answer.text() == "you are spiffe://example.org/web"

    run(scenario())


@each_loop
def test_an_impostor_is_refused_with_the_reason(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/impostor"), (CA, "/web")) as (impostor, web):
            async with serving(impostor.source) as url, session(web)[0] as http:
                wanted = 'unexpected ID "spiffe://example.org/impostor"'
                with pytest.raises(aiohttp.ClientConnectorError, match=wanted):
                    await http.get(url)

    run(scenario())


def test_a_change_begins_a_new_pool_and_the_old_one_finishes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            http, connector = session(web)
            slow = asyncio.Event()

            async def app(scope: Any, receive: Any, send: Any) -> None:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                if scope["path"] == "/slow":
                    await slow.wait()
                await send({"type": "http.response.body", "body": b"at last"})

            async with serving(payment.source, app) as url, http:
                first = connector._pool
                under_way = await http.get(url + "slow")
                changed = asyncio.ensure_future(web.source.wait_changed())
                await asyncio.sleep(0)
                web.api.serve(CA, "/web")
                await changed
                assert connector._pool is not first
                assert (first.retired, first.users, first.connector.closed) == (True, 1, False)
                async with http.get(url) as answer:
                    assert answer.status == 200
                slow.set()
                assert await under_way.text() == "at last"
                while not first.connector.closed:  # noqa: ASYNC110 - aiohttp tells nobody
                    await asyncio.sleep(0)

    asyncio.run(scenario())


@pytest.mark.parametrize("options", [{"ssl": False}, {"proxy": "http://127.0.0.1:1"}], ids=str)
def test_nothing_goes_around_the_check(tmp_path: Path, options: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,), session(web)[0] as http:
            with pytest.raises(aiohttp.ClientConnectionError, match="only https without a proxy"):
                await http.get("https://127.0.0.1:1/", **options)
            with pytest.raises(aiohttp.ClientConnectionError, match="only https without a proxy"):
                await http.get("http://127.0.0.1:1/")

    asyncio.run(scenario())


def test_a_failed_request_leaves_the_pool_unused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,):
            http, connector = session(web)
            async with http:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await http.get("https://127.0.0.1:1/")
                assert connector._pool.users == 0
            assert connector.closed
            web.api.serve(CA, "/web")  # news after the end change nothing
            await web.source.wait_changed()
            assert connector._pool.connector.closed

    asyncio.run(scenario())
