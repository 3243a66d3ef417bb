"""A Django service whose callers are known by SPIFFE ID (`pip install django`). Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/django_service.py 18503 spiffe://example.org/me

`SpiffeCaller` is what a project adds to its MIDDLEWARE: `request.spiffe_id` is then who calls.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from finial.client import X509Source, asgi, authorize
from finial.errors import Unauthenticated


class SpiffeCaller:
    """Middleware. A request that came on a connection without a SPIFFE ID is answered 401."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer

    def __call__(self, request: Any) -> HttpResponse:
        try:
            request.spiffe_id = asgi.caller(request.scope)
        except Unauthenticated as why:
            return JsonResponse({"error": str(why)}, status=401)
        return self._answer(request)


def orders(request: Any) -> HttpResponse:
    if request.method != "GET" and str(request.spiffe_id) not in settings.WRITERS:
        return JsonResponse({"error": f"{request.spiffe_id} may not write"}, status=403)
    return JsonResponse({"caller": str(request.spiffe_id)})


urlpatterns = [path("orders", orders)]


async def main(port: int, *writers: str) -> None:
    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=[f"{__name__}.SpiffeCaller"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_hex(),
        WRITERS=writers,
    )
    async with X509Source() as source:
        print(f"{source.id} serves https://127.0.0.1:{port}", flush=True)
        members = authorize.member_of(source.id.trust_domain)
        config = asgi.config(get_asgi_application(), source, members, port=port, lifespan="off")
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
