"""What a demo service answers over mTLS: an ASGI application whose callers are known by SPIFFE ID.

GET /health    200 for every member of the trust domain
GET /whoami    200: the service's ID and the caller's
GET <route>    200 for callers that the topology admits, 403 with the reason for others
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from finial.client.asgi import Application, Scope, caller
from finial.errors import PermissionDenied, Unauthenticated
from finial.lab.topology import Service, Topology
from finial.spiffe.id import SpiffeId

Answer = tuple[int, Mapping[str, object]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def application(topology: Topology, service: Service) -> Application:
    async def app(scope: Scope, receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        status, body = answer(topology, service, scope)
        await respond(send, status, body)

    return app


def answer(topology: Topology, service: Service, scope: Scope) -> Answer:
    """Status and JSON body. Pure."""
    try:
        peer = caller(scope)
    except Unauthenticated as why:
        return 401, {"error": why.message}
    if scope["method"] not in ("GET", "HEAD"):
        return 405, {"error": "only GET is answered"}
    if scope["path"] == "/health":
        return 200, {"status": "ok", "service": service.name}
    if scope["path"] == "/whoami":
        return 200, {"service": str(topology.id_of(service.name)), "caller": str(peer)}
    if scope["path"] != service.route:
        return 404, {"error": "no such route"}
    try:
        admit(topology, service, peer)
    except PermissionDenied as why:
        return 403, {"error": why.message}
    return 200, {"service": service.name, **service.answer}


def admit(topology: Topology, service: Service, peer: SpiffeId) -> None:
    """Raises: PermissionDenied unless the topology admits this caller to the business route."""
    if topology.name_of(peer) not in service.admits:
        raise PermissionDenied(f'"{peer}" may not call {service.route} of {service.name}')


async def respond(send: Send, status: int, body: Mapping[str, object]) -> None:
    data = json.dumps(body).encode() + b"\n"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
