"""A server that knows its callers by SPIFFE ID. Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/mtls_server.py 18500 spiffe://example.org/me

The IDs that follow the port may call it; nobody else gets past the handshake.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn

from finial.client import X509Source, asgi, authorize


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Any ASGI application will do: FastAPI, Starlette, Django."""
    body = f"hello {asgi.caller(scope)}\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


async def main(port: int, *callers: str) -> None:
    async with X509Source() as source:
        print(f"{source.id} serves https://127.0.0.1:{port}", flush=True)
        config = asgi.config(app, source, authorize.one_of(*callers), port=port, lifespan="off")
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
