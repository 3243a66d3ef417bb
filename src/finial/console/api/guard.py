"""Before every request: is it for this console, and did a page of ours send it? And what every answer carries.

A Host that is none of ours is refused, which ends DNS rebinding. A request that may change something must come from a
page of ours, by its Origin; a browser cannot leave that out. Answers forbid framing, sniffing, referrers and any
source but our own; what the API answers is never kept.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
CARRIED = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Guard:
    """Around an app. `hosts`: what a Host header may say, `scheme`: how pages of ours are reached."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], scheme: str) -> None:
        self._app, self._hosts = app, frozenset(hosts)
        self._origins = frozenset(f"{scheme}://{host}" for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))

        async def carrying(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in CARRIED.items():
                    headers[name] = value
                if scope["path"].startswith("/api/"):
                    headers["cache-control"] = "no-store"
            await send(message)

        await (refusal or self._app)(scope, receive, carrying)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if host not in self._hosts:
            told = {
                "error": "this console does not answer to that name",
                "hint": "use the address that it printed",
            }
            return JSONResponse(told, HTTPStatus.MISDIRECTED_REQUEST)
        if method not in SAFE and headers.get("origin", "") not in self._origins:
            return JSONResponse(
                {"error": "only pages of this console may change anything"}, HTTPStatus.FORBIDDEN
            )
        return None
