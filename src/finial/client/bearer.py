"""JWT-SVIDs as bearer tokens: an ASGI middleware that checks them, an httpx auth that attaches them.

    app = bearer.Required(app, tokens, "spiffe://example.org/api", authorize.member_of("example.org"))
    httpx.AsyncClient(auth=bearer.Attached(tokens, "spiffe://example.org/api"))

The caller's ID is in the scope: `bearer.caller(scope)`, or `scope["extensions"]["spiffe_jwt"]["id"]`. It stands
beside the ID that mTLS proved (`asgi.caller`), which may be that of a proxy. A token is never logged and never
sent in the clear. Specs: JWT-SVID 4 and 5, RFC 6750.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from typing import Any

import httpx

from finial.client import blocking
from finial.client.asgi import Application, Scope
from finial.client.authorize import Authorizer
from finial.client.jwt_source import JwtSource
from finial.errors import FinialError, PermissionDenied, Unauthenticated, Unavailable
from finial.spiffe.id import SpiffeId
from finial.svid.jwt import JwtSvid

EXTENSION = "spiffe_jwt"
POLICY_VIOLATION = 1008  # close code of a WebSocket; before it is accepted a server answers 403
INVALID_TOKEN = b'Bearer error="invalid_token"'


class Required:
    """An ASGI application that only bearers of a token reach.

    The token must be meant for one of `audience` and signed by its own trust domain; `authorize` is asked for
    its ID. Answers 401 for none or a wrong one, 403 for an ID that is not allowed, 503 without bundles; the
    reason stays here, the caller is told little.
    """

    def __init__(
        self,
        app: Application,
        source: JwtSource | blocking.JwtSource,
        audience: str | Sequence[str],
        authorize: Authorizer,
    ) -> None:
        self._app, self._source, self._audience, self._authorize = app, source, audience, authorize

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            svid = self._source.verify(token_of(scope["headers"]), self._audience)
            self._authorize(svid.id)
        except FinialError as why:
            await refuse(scope, send, why)
            return
        await self._app(with_token(scope, svid), receive, send)


def caller(scope: Scope) -> SpiffeId:
    """Who sent this request. Raises: Unauthenticated if no token was checked (not behind `Required`)."""
    found = scope.get("extensions", {}).get(EXTENSION)
    if not found:
        raise Unauthenticated("this request carries no JWT-SVID")
    return SpiffeId.parse(found["id"])


def with_token(scope: Scope, svid: JwtSvid) -> Scope:
    """What a caller could put there before is replaced."""
    told = {"id": str(svid.id), "audience": svid.audience, "expires_at": svid.expires_at}
    return {**scope, "extensions": {**scope.get("extensions", {}), EXTENSION: told}}


def token_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Raises: Unauthenticated, unless there is exactly one Authorization header, of the scheme Bearer."""
    given = [value for name, value in headers if name.lower() == b"authorization"]
    if len(given) != 1:
        raise Unauthenticated(f"{len(given)} authorization headers, exactly 1 is required")
    scheme, _, token = given[0].decode("latin-1").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("authorization header is not a bearer token")
    return token.strip()


async def refuse(scope: Scope, send: Any, why: FinialError) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    status, challenge = answer(why)
    headers = [(b"content-length", b"0"), *([(b"www-authenticate", challenge)] if challenge else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def answer(why: FinialError) -> tuple[int, bytes]:
    """Status and challenge. RFC 6750 3.1."""
    if isinstance(why, PermissionDenied):
        return 403, b'Bearer error="insufficient_scope"'
    if isinstance(why, Unavailable):
        return 503, b""
    return 401, INVALID_TOKEN


class Attached(httpx.Auth):
    """Each request carries a token for `audience` with at least half of its life before it.

    A JwtSource for httpx.AsyncClient, a blocking.JwtSource for httpx.Client. Raises: httpx.UnsupportedProtocol
    for a URL that is not https, RuntimeError for the other kind of client.
    """

    def __init__(
        self,
        source: JwtSource | blocking.JwtSource,
        audience: str | Sequence[str],
        subject: SpiffeId | str | None = None,
    ) -> None:
        self._source, self._audience, self._subject = source, audience, subject

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not isinstance(self._source, JwtSource):
            raise RuntimeError("httpx.AsyncClient needs a finial.client.JwtSource")
        refuse_plain(request)
        attach(request, await self._source.token(self._audience, self._subject))
        yield request

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not isinstance(self._source, blocking.JwtSource):
            raise RuntimeError("httpx.Client needs a finial.client.blocking.JwtSource")
        refuse_plain(request)
        attach(request, self._source.token(self._audience, self._subject))
        yield request


def refuse_plain(request: httpx.Request) -> None:
    if request.url.scheme != "https":
        raise httpx.UnsupportedProtocol("a JWT-SVID is sent over https only", request=request)


def attach(request: httpx.Request, svid: JwtSvid) -> None:
    request.headers["Authorization"] = f"Bearer {svid.token}"
