from __future__ import annotations

import asyncio
from typing import Any

import pytest

from finial.client.asgi import caller, with_caller
from finial.errors import Unauthenticated
from finial.spiffe.id import SpiffeId

WEB = SpiffeId.parse("spiffe://example.org/web")


def test_the_scope_names_the_caller_and_what_was_there_is_replaced() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    given = {"type": "http", "extensions": {"spiffe": {"id": "spiffe://example.org/admin"}, "tls": {}}}
    asyncio.run(with_caller(app, WEB)(given, None, None))  # type: ignore[arg-type] # a coroutine
    assert caller(seen[0]) == WEB
    assert "tls" in seen[0]["extensions"]
    assert given["extensions"]["spiffe"]["id"].endswith("/admin")  # type: ignore[index] # the outer scope stays


def test_a_connection_that_proves_nobody_has_no_caller() -> None:
    with pytest.raises(Unauthenticated, match="carries no SPIFFE ID"):
        caller({"type": "http"})
