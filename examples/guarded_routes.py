"""Who may do what, by route and SPIFFE ID. Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/guarded_routes.py 18501 spiffe://example.org/me

Every member of the trust domain gets past the handshake and may read; only the IDs that follow the port may write.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn

from finial.client import X509Source, asgi, authorize
from finial.errors import PermissionDenied


class Shop:
    """A route is a method and a path; each has its own authorizer. What is not listed is refused."""

    def __init__(self, trust_domain: Any, *writers: str) -> None:
        self.orders = 0
        self.routes = {
            ("GET", "/orders"): authorize.member_of(trust_domain),
            ("POST", "/orders"): authorize.one_of(*writers),
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        route = self.routes.get((scope["method"], scope["path"]))
        if route is None:
            await answer(send, 404, "no such route")
            return
        caller = asgi.caller(scope)
        try:
            route(caller)
        except PermissionDenied as why:
            await answer(send, 403, str(why))
            return
        self.orders += scope["method"] == "POST"
        await answer(send, 200, f"{caller} sees {self.orders} orders")


async def answer(send: Any, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


async def main(port: int, *writers: str) -> None:
    async with X509Source() as source:
        print(f"{source.id} serves https://127.0.0.1:{port}", flush=True)
        members = source.id.trust_domain
        shop = Shop(members, *writers)
        config = asgi.config(shop, source, authorize.member_of(members), port=port, lifespan="off")
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
