"""Views over HTTP: only for who is signed in, of what the server really has."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.console.access import Role
from finial.testing.console import Page, console
from finial.testing.server import Running, attest, play

PATHS = [
    "/api/overview",
    "/api/agents",
    "/api/agent?id=spiffe://example.org/a",
    "/api/entries",
    "/api/entries/x",
    "/api/changes",
    "/api/authorities",
    "/api/trends/agents",
    "/api/events",
]


def test_nobody_sees_anything(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with console(running, None) as page:
            for path in PATHS:
                assert (await page.get(path)).status_code == 401, path

    play(tmp_path, scene)


async def created(page: Page, parent: str, path: str = "/web") -> str:
    body = {"spiffe_id": f"spiffe://example.org{path}", "parent_id": parent, "selectors": ["unix:uid:1000"]}
    answer = await page.change("POST", "/api/entries", body)
    assert answer.status_code == 201, answer.text
    entry_id: str = answer.json()["id"]
    return entry_id


def test_a_viewer_sees_agents_entries_changes_and_authorities(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = str((await attest(running)).id)
        async with console(running) as page:
            entry_id = await created(page, agent)
            await page.until_read(entries={entry_id: running.server.follower.index.entries.get(entry_id)})
            found = (await page.get("/api/agents", text="join_token")).json()
            assert [one["id"] for one in found["rows"]] == [agent]
            assert (await page.get("/api/agent", id=agent)).json()["state"] == "pending"
            entries = (await page.get("/api/entries", text="uid:1000")).json()
            assert [one["entry_id"] for one in entries["rows"]] == [entry_id]
            one = (await page.get(f"/api/entries/{entry_id}")).json()
            assert [holder["id"] for holder in one["holders"]] == [agent]
            overview = (await page.get("/api/overview")).json()
            assert overview["trust_domain"] == "example.org"
            assert overview["sentence"].startswith("Issuing; some agents are behind.")
            assert {card["id"] for card in overview["cards"]} >= {"server", "agents", "metrics"}
            authorities = (await page.get("/api/authorities")).json()
            assert [one["slot"] for one in authorities["x509"]] == ["active"]
            assert {one["kind"] for one in authorities["bundle"]} == {"x509", "jwt"}

    play(tmp_path, scene)


def test_the_changes_are_told_newest_first_with_their_authors(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with console(running) as page:
            parent = str((await attest(running)).id)
            names = [await created(page, parent, f"/{number}") for number in range(2)]
            while True:
                rows = (await page.get("/api/changes")).json()
                told = [
                    (row["things"][0]["key"], row["methods"])
                    for row in rows
                    if row["things"][0]["kind"] == "entry"
                ]
                if len(told) == 2 and all(methods for _, methods in told):
                    break
                await page.parts.seen.moved(page.parts.seen.version)
            assert told == [(name, ["BatchCreateEntry"]) for name in reversed(names)]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "path", ["/api/entries/nope", "/api/agent?id=spiffe://example.org/nope", "/api/trends/nope"]
)
def test_what_is_not_there_is_not_found(tmp_path: Path, path: str) -> None:
    async def scene(running: Running) -> None:
        async with console(running, Role.VIEWER) as page:
            answer = await page.get(path)
            assert answer.status_code == 404
            assert "nope" in answer.json()["error"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "path", ["/api/agents?most=0", "/api/agents?state=x", "/api/agent?id=x", "/api/trends/agents?seconds=1"]
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, path: str) -> None:
    async def scene(running: Running) -> None:
        async with console(running, Role.VIEWER) as page:
            assert (await page.get(path)).status_code in (400, 422)

    play(tmp_path, scene)
