"""A FastAPI service whose callers are known by SPIFFE ID (`pip install fastapi`). Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/fastapi_service.py 18502 spiffe://example.org/me

Every member of the trust domain may read; only the IDs that follow the port may write.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request

from finial.client import X509Source, asgi, authorize
from finial.errors import PermissionDenied
from finial.spiffe.id import SpiffeId


def who_calls(request: Request) -> SpiffeId:
    return asgi.caller(request.scope)


def only(*ids: str) -> Callable[[Request], SpiffeId]:
    """A dependency: the caller, if it is one of these; 403 for the others."""
    allowed = authorize.one_of(*ids)

    def check(request: Request) -> SpiffeId:
        caller = who_calls(request)
        try:
            allowed(caller)
        except PermissionDenied as why:
            raise HTTPException(403, str(why)) from why
        return caller

    return check


def shop(*writers: str) -> FastAPI:
    app = FastAPI()
    orders: list[str] = []

    @app.get("/orders")
    def read(caller: Annotated[SpiffeId, Depends(who_calls)]) -> dict[str, object]:
        return {"caller": str(caller), "orders": orders}

    @app.post("/orders/{item}")
    def write(item: str, caller: Annotated[SpiffeId, Depends(only(*writers))]) -> dict[str, object]:
        orders.append(f"{item} for {caller}")
        return {"orders": len(orders)}

    return app


async def main(port: int, *writers: str) -> None:
    async with X509Source() as source:
        print(f"{source.id} serves https://127.0.0.1:{port}", flush=True)
        members = authorize.member_of(source.id.trust_domain)
        await uvicorn.Server(asgi.config(shop(*writers), source, members, port=port)).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
