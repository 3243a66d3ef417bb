"""uvicorn over mTLS: any ASGI application in, one whose callers are known by SPIFFE ID out.

    uvicorn.Server(asgi.config(app, source, authorize.member_of("example.org"), port=8443)).run()

The caller's ID, proved in the handshake, is in the scope: `asgi.caller(scope)`, or for other frameworks
`scope["extensions"]["spiffe"]["id"]`. A caller that is not allowed never gets a byte of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from finial.client.authorize import Authorizer
from finial.client.tls import server_context
from finial.client.x509_source import X509Source
from finial.errors import Unauthenticated
from finial.runtime.tls import peer_id
from finial.spiffe.id import SpiffeId

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]
EXTENSION = "spiffe"


def config(app: Application, source: X509Source, authorize: Authorizer, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration, with its `options`; what concerns TLS and the HTTP protocol is set here."""
    context = server_context(source, authorize)
    return uvicorn.Config(app, ssl_context_factory=lambda *_: context, http=SpiffeProtocol, **options)


def caller(scope: Scope) -> SpiffeId:
    """Who sent this request. Raises: Unauthenticated if the connection proves nobody (not served by us)."""
    found = scope.get("extensions", {}).get(EXTENSION)
    if not found:
        raise Unauthenticated("this connection carries no SPIFFE ID")
    return SpiffeId.parse(found["id"])


class SpiffeProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with the peer's ID in the scope of each request of the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        peer = peer_id(transport.get_extra_info("ssl_object"))
        if peer is None:
            transport.abort()  # a context that let somebody in unseen is not ours
            return
        self.app = with_caller(self.app, peer)


def with_caller(app: Any, peer: SpiffeId) -> Application:
    """The application, told who calls; what a caller could put there before is replaced."""

    async def call(scope: Scope, receive: Any, send: Any) -> None:
        extensions = {**scope.get("extensions", {}), EXTENSION: {"id": str(peer)}}
        await app({**scope, "extensions": extensions}, receive, send)

    return call
