from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from finial.client import asgi, authorize
from finial.client.httpx import FollowingTransport, client
from finial.client.x509_source import X509Source
from finial.errors import InvalidArgument
from finial.testing.ca import TestCa
from finial.testing.workload import workloads

PAYMENT = "spiffe://example.org/payment"
CA = TestCa()


async def whoami(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the caller's ID, in two parts."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"you are ", "more_body": True})
    await send({"type": "http.response.body", "body": str(asgi.caller(scope)).encode()})


@asynccontextmanager
async def served(source: X509Source) -> AsyncIterator[str]:
    """By uvicorn on a free port."""
    config = asgi.config(
        whoami,
        source,
        authorize.member_of("example.org"),
        host="127.0.0.1",
        port=0,
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        await server.shutdown()


def test_a_call_is_made_and_known_by_id(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            async with served(payment.source) as url, client(web.source, authorize.one_of(PAYMENT)) as http:
                assert (await http.get(url)).text == "you are spiffe://example.org/web"

    asyncio.run(scenario())


def test_an_impostor_is_refused_with_the_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/impostor"), (CA, "/web")) as (impostor, web):
            async with served(impostor.source) as url, client(web.source, authorize.one_of(PAYMENT)) as http:
                with pytest.raises(httpx.ConnectError, match='unexpected ID "spiffe://example.org/impostor"'):
                    await http.get(url)

    asyncio.run(scenario())


def test_a_change_begins_a_new_pool_and_the_old_one_finishes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            async with served(payment.source) as url, client(web.source, authorize.one_of(PAYMENT)) as http:
                transport = http._transport
                assert isinstance(transport, FollowingTransport)
                first = transport._pool
                async with http.stream("GET", url) as under_way:
                    changed = asyncio.ensure_future(web.source.wait_changed())
                    await asyncio.sleep(0)
                    web.api.serve(CA, "/web")
                    await changed
                    assert (await http.get(url)).status_code == 200
                    assert transport._pool is not first
                    assert (first.retired, first.users) == (True, 1)
                    assert (await under_way.aread()).endswith(b"/web")
                assert first.users == 0

    asyncio.run(scenario())


def test_a_failed_request_leaves_the_pool_unused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            workloads(tmp_path, (CA, "/web")) as (web,),
            client(web.source, authorize.any_id()) as http,
        ):
            with pytest.raises(httpx.ConnectError):
                await http.get("https://127.0.0.1:1/")
            transport = http._transport
            assert isinstance(transport, FollowingTransport)
            assert transport._pool.users == 0

    asyncio.run(scenario())


def test_uvicorn_answers_no_one_who_is_not_admitted(tmp_path: Path) -> None:
    async def scenario() -> None:
        forged = TestCa()  # names the same trust domain
        async with workloads(tmp_path, (CA, "/payment"), (forged, "/web")) as (payment, stranger):
            async with served(payment.source) as url:
                async with client(stranger.source, authorize.any_id()) as http:
                    with pytest.raises(httpx.ConnectError):
                        await http.get(url)
                async with httpx.AsyncClient(verify=False) as nobody:
                    with pytest.raises((httpx.TransportError, ssl.SSLError)):
                        await nobody.get(url)

    asyncio.run(scenario())


def test_a_refusal_after_the_handshake_is_told_by_httpx(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = TestCa("other.test")
        async with workloads(tmp_path, (CA, "/payment"), (other, "/web")) as (payment, stranger):
            changed = asyncio.ensure_future(stranger.source.wait_changed())
            await asyncio.sleep(0)
            stranger.api.serve(other, "/web", federated=[CA])
            await changed
            async with served(payment.source) as url, client(stranger.source, authorize.any_id()) as http:
                with pytest.raises(httpx.ReadError, match="refused by the server"):
                    await http.get(url)

    asyncio.run(scenario())


def test_nothing_goes_out_in_the_clear(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,):
            async with client(web.source, authorize.any_id()) as http:
                with pytest.raises(httpx.UnsupportedProtocol, match='"http": only https is checked'):
                    await http.get("http://127.0.0.1:1/")

    asyncio.run(scenario())


@pytest.mark.parametrize("option", ["verify", "proxy", "transport", "http2"])
def test_no_option_goes_around_the_check(tmp_path: Path, option: str) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/web")) as (web,):
            with pytest.raises(InvalidArgument, match=f'option "{option}" is decided'):
                client(web.source, authorize.any_id(), **{option: None})

    asyncio.run(scenario())


def test_limits_hold_for_each_pool(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (CA, "/web")) as (payment, web):
            limits = httpx.Limits(max_connections=1)
            none_free = httpx.Timeout(5, pool=0.01)
            async with (
                served(payment.source) as url,
                client(web.source, authorize.one_of(PAYMENT), limits=limits, timeout=none_free) as http,
            ):
                async with http.stream("GET", url):
                    with pytest.raises(httpx.PoolTimeout):
                        await http.get(url)

    asyncio.run(scenario())
