"""What is refused before anything is looked at, and what every answer carries."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from finial.console.api.guard import CARRIED, Guard

HOST = "127.0.0.1:3000"


def asked(method: str, path: str = "/api/x", **headers: str) -> httpx.Response:
    async def scenario() -> httpx.Response:
        routes = [
            Route(one, lambda _: PlainTextResponse("well"), methods=["GET", "POST"])
            for one in ("/api/x", "/")
        ]
        app = Guard(Starlette(routes=routes), [HOST], "http")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(scenario())


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1", "127.0.0.1:3001", "localhost:3000.evil.test", ""])
def test_a_name_that_is_none_of_ours_is_refused(host: str) -> None:
    answer = asked("GET", host=host)
    assert answer.status_code == 421
    assert "does not answer to that name" in answer.json()["error"]


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://127.0.0.1:3001", f"https://{HOST}", ""]
)
def test_a_change_comes_from_a_page_of_ours(origin: str) -> None:
    assert asked("POST", origin=origin).status_code == 403
    assert asked("POST").status_code == 403
    assert asked("POST", origin=f"http://{HOST}").status_code == 200


def test_every_answer_forbids_what_a_page_of_ours_never_needs() -> None:
    for answer in (asked("GET"), asked("GET", host="evil.test"), asked("POST"), asked("GET", "/nope")):
        assert {name: answer.headers[name] for name in CARRIED} == CARRIED
    assert "unsafe" not in CARRIED["content-security-policy"]


def test_what_the_api_answers_is_never_kept() -> None:
    assert asked("GET").headers["cache-control"] == "no-store"
    assert "cache-control" not in asked("GET", "/").headers
