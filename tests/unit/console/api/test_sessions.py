"""Signing in by a link, who one is then, and signing out."""

from __future__ import annotations

from pathlib import Path

from finial.console.access import Role
from finial.testing.console import ORIGIN, console
from finial.testing.server import Running, play


def test_a_link_signs_in_once_and_leads_to_the_page(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with console(running, None) as page:
            assert (await page.get("/api/session")).status_code == 401
            token = page.parts.access.link(Role.VIEWER, "uid 1000", page.parts.now)
            answer = await page.get("/login", token=token)
            assert (answer.status_code, answer.headers["location"]) == (303, "/web-dashboard.html")
            cookie = answer.headers["set-cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            session = (await page.get("/api/session")).json()
            assert (session["subject"], session["role"]) == ("uid 1000", "viewer")
            again = await page.get("/login", token=token)
            assert again.status_code == 401
            assert again.json()["hint"] == "`finial console link` makes another"

    play(tmp_path, scene)


def test_who_leaves_is_nobody_again(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with console(running) as page:
            left = await page.client.delete("/api/session", headers={"origin": ORIGIN})
            assert left.status_code == 204
            assert (await page.get("/api/session")).status_code == 401

    play(tmp_path, scene)
