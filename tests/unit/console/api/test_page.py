"""The page's files: found, kept where they never change, and said to be missing where they are."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from finial.console.access import Access
from finial.console.api.app import build
from finial.console.api.deps import Parts
from finial.console.api.guard import CARRIED
from finial.console.observatory import Observatory
from finial.runtime.clock import SystemClock

HOST = "127.0.0.1:3000"


def asked(folder: Path, *paths: str) -> list[httpx.Response]:
    async def scene() -> list[httpx.Response]:
        nobody: Any = None
        app = build(Parts(Observatory(nobody, [], SystemClock()), Access()), [HOST], folder)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as client:
            return [await client.get(path) for path in paths]

    return asyncio.run(scene())


def test_the_page_is_asked_for_again_and_its_assets_are_kept(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "web-dashboard.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "main-1a2b.js").write_text("1;" * 2000)
    root, page, asset, none, escape = asked(
        tmp_path,
        "/",
        "/web-dashboard.html",
        "/assets/main-1a2b.js",
        "/assets/none.js",
        "/assets/%2e%2e/web-dashboard.html",
    )
    assert (root.status_code, root.headers["location"]) == (307, "/web-dashboard.html")
    assert (page.text, page.headers["cache-control"]) == ("<!doctype html>", "no-cache")
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["content-encoding"] == "gzip"
    assert (none.status_code, escape.status_code) == (404, 404)
    for answer in (root, page, asset, none, escape):
        assert {name: answer.headers[name] for name in CARRIED} == CARRIED


def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    page, session = asked(tmp_path, "/web-dashboard.html", "/api/session")
    assert page.status_code == 503
    assert "./dev page" in page.text
    assert session.status_code == 401
