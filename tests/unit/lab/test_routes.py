from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from finial.lab.routes import answer, application
from finial.lab.topology import LAB

PAYMENT = LAB.service("payment-api")


def scope(path: str, caller: str | None = "user-service", method: str = "GET") -> dict[str, Any]:
    extensions = {} if caller is None else {"spiffe": {"id": str(LAB.id_of(caller))}}
    return {"type": "http", "method": method, "path": path, "extensions": extensions}


def call(scope: dict[str, Any], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await application(LAB, PAYMENT)(scope, None, send)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "caller", "status"),
    [
        ("/health", "verifier", 200),
        ("/whoami", "verifier", 200),
        ("/charges", "user-service", 200),
        ("/charges", "inventory-service", 403),
        ("/charges", "verifier", 403),
        ("/stock", "user-service", 404),
        ("/health", None, 401),
        ("/charges", None, 401),
    ],
)
def test_who_gets_what(path: str, caller: str | None, status: int) -> None:
    assert answer(LAB, PAYMENT, scope(path, caller))[0] == status


def test_a_denial_tells_who_may_not_call_what() -> None:
    _, body = answer(LAB, PAYMENT, scope("/charges", "inventory-service"))
    assert body == {
        "error": '"spiffe://example.org/ns/production/sa/inventory-service" may not call /charges of payment-api'
    }


def test_only_reading_is_answered() -> None:
    assert answer(LAB, PAYMENT, scope("/charges", method="POST"))[0] == 405


def test_whoami_names_both_sides() -> None:
    _, body = answer(LAB, PAYMENT, scope("/whoami"))
    assert body == {"service": str(LAB.id_of("payment-api")), "caller": str(LAB.id_of("user-service"))}


def test_answers_are_whole_json_documents() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    call(scope("/charges"), send)
    headers = dict(sent[0]["headers"])
    assert headers[b"content-length"] == str(len(sent[1]["body"])).encode()
    assert json.loads(sent[1]["body"])["service"] == "payment-api"


def test_what_is_no_request_is_left_alone() -> None:
    async def send(message: dict[str, Any]) -> None:
        raise AssertionError(message)

    call({"type": "lifespan"}, send)
