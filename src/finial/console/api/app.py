"""The application: routes, errors, the page, and the guard around them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from finial import __version__
from finial.console.api import events, explaining, page, reading, sessions, writing
from finial.console.api.deps import Parts
from finial.console.api.errors import handle
from finial.console.api.guard import Guard
from finial.errors import FinialError

ROUTERS = (sessions.router, reading.router, writing.router, explaining.router, events.router)


def build(parts: Parts, hosts: Collection[str], folder: Path | None = None) -> ASGIApp:
    """`hosts`: what a Host header may say, `127.0.0.1:3000`. `folder`: of the page; None: there is none."""
    scheme = "https" if parts.secure else "http"
    app = application(parts)
    if folder is not None:
        page.mount(app, folder)
    return Guard(app, hosts, scheme)


def application(parts: Parts) -> FastAPI:
    app = FastAPI(
        title="Finial console",
        version=__version__,
        description="What a trust domain's servers and agents tell, and what may be changed of it.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    app.add_exception_handler(FinialError, handle)
    for router in ROUTERS:
        app.include_router(router)
    return app
