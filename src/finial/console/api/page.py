"""The page's own files, from where `./dev page` puts them: one page, and assets whose names are made of their content.

Assets are compressed and kept by browsers for ever, the page is asked for again each time. Where nothing was built, the
page's address says how to build it.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ADDRESS = "/web-dashboard.html"
INDEX, ICON = "web-dashboard.html", "favicon.svg"
FOREVER = "public, max-age=31536000, immutable"
UNBUILT = (
    "The console's page is not built: ./dev page builds it. The REST is described at /api/openapi.json.\n"
)


class Assets(StaticFiles):
    """Those that never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        if answer.status_code == HTTPStatus.OK:
            answer.headers["cache-control"] = FOREVER
        return answer


def mount(app: FastAPI, folder: Path) -> None:
    """Adds the page in `folder` to an application."""

    async def page(_: Request) -> Response:
        index = folder / INDEX
        if not index.is_file():
            return PlainTextResponse(UNBUILT, HTTPStatus.SERVICE_UNAVAILABLE)
        return FileResponse(index, headers={"cache-control": "no-cache"})

    async def icon(_: Request) -> Response:
        found = folder / ICON
        if not found.is_file():
            return PlainTextResponse("", HTTPStatus.NOT_FOUND)
        return FileResponse(found)

    async def root(_: Request) -> Response:
        return RedirectResponse(ADDRESS, HTTPStatus.TEMPORARY_REDIRECT)

    app.add_route(ADDRESS, page, ["GET", "HEAD"])
    app.add_route(f"/{ICON}", icon, ["GET", "HEAD"])
    app.add_route("/", root, ["GET", "HEAD"])
    assets = folder / "assets"
    if assets.is_dir():
        app.mount("/assets", GZipMiddleware(Assets(directory=assets), minimum_size=1024))
