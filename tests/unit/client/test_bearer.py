from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from finial.client import authorize, bearer, blocking
from finial.client.jwt_source import JwtSource
from finial.client.workload import WorkloadApi
from finial.errors import FinialError, InvalidArgument, PermissionDenied, Unauthenticated, Unavailable
from finial.runtime.clock import SystemClock
from finial.testing.ca import TestCa
from finial.testing.jwt import TestJwtKey
from finial.testing.workload import WorkloadApiServer

API = "spiffe://example.org/api"
WEB = "spiffe://example.org/web"
CA = TestCa()


async def whoami(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(bearer.caller(scope)).encode()})


@asynccontextmanager
async def tokens(folder: Path) -> AsyncIterator[tuple[WorkloadApiServer, JwtSource]]:
    async with WorkloadApiServer(folder / "api.sock") as served:
        served.serve(CA, "/web")
        async with WorkloadApi(served.address) as api, JwtSource(api) as source:
            yield served, source


def protected(source: JwtSource, **options: Any) -> httpx.AsyncClient:
    """A client of the application behind the middleware."""
    app = bearer.Required(whoami, source, API, options.pop("authorize", authorize.one_of(WEB)))
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="https://api", **options)


def test_a_request_carries_a_token_and_its_bearer_is_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tokens(tmp_path) as (served, source):
            async with protected(source, auth=bearer.Attached(source, API)) as http:
                assert (await http.get("/")).text == WEB
                assert (await http.get("/")).text == WEB
            assert served.jwt_calls == 1  # the source keeps it for half of its life

    asyncio.run(scenario())


def test_an_impostor_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tokens(tmp_path) as (served, source):
            served.serve(CA, "/impostor")
            async with protected(source, auth=bearer.Attached(source, API)) as http:
                answer = await http.get("/")
                assert answer.status_code == 403
                assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'

    asyncio.run(scenario())


def test_what_is_no_valid_token_is_refused_without_the_reason(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tokens(tmp_path) as (served, source):
            now = SystemClock().unix()
            forged = TestJwtKey(served.jwt_key.key_id).sign(WEB, [API], now)
            expired = served.jwt_key.sign(WEB, [API], now - 3600)
            elsewhere = served.jwt_key.sign(WEB, ["spiffe://example.org/other"], now)
            async with protected(source) as http:
                for value in (
                    f"Bearer {forged}",
                    f"Bearer {expired}",
                    f"Bearer {elsewhere}",
                    "Bearer",
                    "Basic x",
                ):
                    answer = await http.get("/", headers={"Authorization": value})
                    assert (answer.status_code, answer.content) == (401, b"")
                    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
                assert (await http.get("/")).status_code == 401
                good = f"Bearer {served.jwt_key.sign(WEB, [API], now)}"
                twice = [("Authorization", good), ("Authorization", good)]
                assert (await http.get("/", headers=twice)).status_code == 401
                assert (await http.get("/", headers={"authorization": good.lower()})).status_code == 401
                assert (await http.get("/", headers={"authorization": good})).status_code == 200

    asyncio.run(scenario())


def test_a_websocket_without_a_token_is_closed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tokens(tmp_path) as (_, source):
            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            app = bearer.Required(whoami, source, API, authorize.any_id())
            await app({"type": "websocket", "headers": []}, None, send)
            assert sent == [{"type": "websocket.close", "code": 1008}]

    asyncio.run(scenario())


def test_lifespan_passes_and_a_scope_cannot_be_forged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tokens(tmp_path) as (served, source):
            seen: list[Any] = []

            async def app(scope: Any, receive: Any, send: Any) -> None:
                seen.append(scope)

            required = bearer.Required(app, source, API, authorize.any_id())
            await required({"type": "lifespan"}, None, None)
            assert seen.pop() == {"type": "lifespan"}
            token = served.jwt_key.sign(WEB, [API], SystemClock().unix()).encode()
            headers = [(b"authorization", b"bearer " + token)]
            forged = {"spiffe_jwt": {"id": "spiffe://example.org/admin"}, "tls": {}}
            await required({"type": "http", "headers": headers, "extensions": forged}, None, None)
            assert str(bearer.caller(seen[0])) == WEB
            assert "tls" in seen[0]["extensions"]

    asyncio.run(scenario())


def test_a_request_that_no_token_was_checked_for_has_no_caller() -> None:
    with pytest.raises(Unauthenticated, match="carries no JWT-SVID"):
        bearer.caller({"type": "http"})


@pytest.mark.parametrize(
    ("why", "status"),
    [
        (Unauthenticated("x"), 401),
        (InvalidArgument("x"), 401),
        (PermissionDenied("x"), 403),
        (Unavailable("x"), 503),
    ],
)
def test_each_reason_has_its_status(why: FinialError, status: int) -> None:
    assert bearer.answer(why)[0] == status


def test_a_token_never_goes_out_in_the_clear_or_by_the_wrong_client(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with tokens(tmp_path) as (served, source):
            auth = bearer.Attached(source, API)
            async with httpx.AsyncClient(auth=auth, trust_env=False) as http:
                with pytest.raises(httpx.UnsupportedProtocol, match="over https only"):
                    await http.get("http://127.0.0.1:1/")
            with httpx.Client(auth=auth, trust_env=False) as blocked:
                with pytest.raises(RuntimeError, match="needs a finial.client.blocking.JwtSource"):
                    blocked.get("https://127.0.0.1:1/")  # noqa: ASYNC212 - it is refused before it waits
            assert served.jwt_calls == 0

    asyncio.run(scenario())


def test_a_blocking_client_attaches_a_token(tmp_path: Path) -> None:
    def program(address: str) -> str:
        with blocking.JwtSource(address) as source:
            transport = httpx.MockTransport(
                lambda sent: httpx.Response(200, text=sent.headers["authorization"])
            )
            with httpx.Client(transport=transport, auth=bearer.Attached(source, API)) as http:
                return http.get("https://api/").text

    async def scenario() -> None:
        async with tokens(tmp_path) as (served, source):
            sent = await asyncio.to_thread(program, served.address)
            assert str(source.verify(sent.removeprefix("Bearer "), API).id) == WEB

    asyncio.run(scenario())
