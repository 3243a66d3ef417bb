"""Our TLS contexts inside httpx (both kinds), uvicorn and gRPC: the same refusals everywhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn

from finial.errors import PermissionDenied
from finial.runtime.sockets import listen_tcp
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext, Material
from finial.spiffe.id import SpiffeId
from finial.testing.ca import Issued, TestCa
from finial.testing.tls_server import LOOPS, run

pytestmark = [pytest.mark.interop, pytest.mark.slow]
OURS, THEIRS = TestCa(), TestCa("other.org")
SERVER, CLIENT = OURS.leaf("/server"), OURS.leaf("/client")
TRUST = {"example.org": (OURS.der,), "other.org": (THEIRS.der,)}
OTHER_WORKLOAD = OURS.leaf("/other")
FORGED = THEIRS.leaf(uris=["spiffe://example.org/server"])

Get = Callable[[FollowingContext, int], Awaitable[int]]


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def only_the_server(found: SpiffeId) -> None:
    if str(found) != "spiffe://example.org/server":
        raise PermissionDenied(f'unexpected ID "{found}"')


def client_context() -> FollowingContext:
    return FollowingContext(Material(TRUST, CLIENT.chain, CLIENT.key), only_the_server)


def server_context(svid: Issued, alpn: tuple[str, ...]) -> FollowingContext:
    material = Material(TRUST, svid.chain, svid.key, alpn)
    return FollowingContext(material, lambda _: None, server_side=True)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that says 200."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def web(svid: Issued) -> AsyncIterator[int]:
    """uvicorn over our context."""
    context = server_context(svid, ("http/1.1",))
    config = uvicorn.Config(
        answer, lifespan="off", log_level="critical", ssl_context_factory=lambda *_: context, ws="none"
    )
    server = uvicorn.Server(config)
    sock = listen_tcp("127.0.0.1", 0)
    async with Tasks() as tasks:
        tasks.start(server._serve([sock]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            await tasks.wait()
            sock.close()


async def get_async(context: FollowingContext, port: int) -> int:
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        return (await client.get(f"https://127.0.0.1:{port}/")).status_code


async def get_blocking(context: FollowingContext, port: int) -> int:
    def get() -> int:
        with httpx.Client(verify=context, trust_env=False) as client:
            return client.get(f"https://127.0.0.1:{port}/").status_code

    return await asyncio.to_thread(get)


@pytest.mark.parametrize("get", [get_async, get_blocking])
def test_httpx_reaches_uvicorn(loop: str, get: Get) -> None:
    async def scenario() -> None:
        async with web(SERVER) as port:
            assert await get(client_context(), port) == 200

    run(loop, scenario())


@pytest.mark.parametrize("get", [get_async, get_blocking])
@pytest.mark.parametrize(
    ("posing", "why"),
    [(OTHER_WORKLOAD, "unexpected ID"), (FORGED, "is not signed by the bundle")],
    ids=["other workload", "forged across domains"],
)
def test_httpx_refuses_a_server_that_poses(loop: str, get: Get, posing: Issued, why: str) -> None:
    async def scenario() -> None:
        async with web(posing) as port:
            with pytest.raises(httpx.ConnectError, match=why):
                await get(client_context(), port)

    run(loop, scenario())


@pytest.mark.parametrize("get", [get_async, get_blocking])
def test_httpx_follows_trust_that_shrinks(loop: str, get: Get) -> None:
    async def scenario() -> None:
        context = client_context()
        async with web(SERVER) as port:
            assert await get(context, port) == 200
            context.set(replace(context.material, bundles={"other.org": (THEIRS.der,)}))
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await get(context, port)

    run(loop, scenario())


def test_pool_is_told_to_close_connections_of_the_old_trust(loop: str) -> None:
    async def scenario() -> None:
        context, stale = client_context(), asyncio.Event()
        context.on_change(stale.set)
        async with web(SERVER) as port, httpx.AsyncClient(verify=context, trust_env=False) as client:
            url = f"https://127.0.0.1:{port}/"
            await client.get(url)
            context.set(replace(context.material, bundles={"other.org": (THEIRS.der,)}))
            assert stale.is_set()
            assert (await client.get(url)).status_code == 200  # why it has to be told

    run(loop, scenario())
