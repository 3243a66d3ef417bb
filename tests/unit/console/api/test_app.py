"""The OpenAPI document, and routes that nobody forgot to guard."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from finial.console.access import Access
from finial.console.api.app import ROUTERS, application
from finial.console.api.deps import Parts, may_change, signed_in
from finial.console.api.guard import SAFE
from finial.console.observatory import Observatory
from finial.runtime.clock import SystemClock

OPEN = {"/login"}
LOOKING = {
    "/api/explain",
    "/api/session",
}  # asks, or ends one's own session: changes nothing of the trust domain


def app() -> FastAPI:
    nobody: Any = None
    return application(Parts(Observatory(nobody, [], SystemClock()), Access()))


def routes() -> list[APIRoute]:
    return [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]


def test_every_route_wants_somebody_and_every_change_an_admin() -> None:
    assert routes()
    for route in routes():
        needed = {one.call for one in route.dependant.dependencies}
        if route.path in OPEN:
            continue
        if set(route.methods or ()) - SAFE and route.path not in LOOKING:
            assert may_change in needed, route.path
        else:
            assert signed_in in needed, route.path


def test_the_document_describes_every_route_with_its_answer() -> None:
    document = app().openapi()
    assert set(document["paths"]) == {route.path for route in routes() if route.include_in_schema}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["tags"], (path, method)
