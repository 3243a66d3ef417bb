"""An ASGI application served over mTLS in the test's own process, and one that answers who calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from finial.client import asgi, authorize
from finial.client.x509_source import X509Source


async def whoami(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the caller's ID, in two parts."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"you are ", "more_body": True})
    await send({"type": "http.response.body", "body": str(asgi.caller(scope)).encode()})


@asynccontextmanager
async def serving(source: X509Source, app: Any = whoami) -> AsyncIterator[str]:
    """By uvicorn on a free port, to members of example.org. Yields: the URL."""
    config = asgi.config(
        app,
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
