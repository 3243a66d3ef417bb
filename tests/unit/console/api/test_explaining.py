"""The form of `finial explain`."""

from __future__ import annotations

from pathlib import Path

from finial.console.access import Role
from finial.testing.console import ORIGIN, console
from finial.testing.server import Running, attest, play


def test_selectors_are_explained_by_what_the_server_knows(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = str((await attest(running)).id)
        async with console(running) as page:
            body = {
                "spiffe_id": "spiffe://example.org/web",
                "parent_id": agent,
                "selectors": ["unix:uid:1", "unix:gid:1"],
            }
            await page.change("POST", "/api/entries", body)
            asked = {"selectors": ["unix:uid:2", "unix:gid:1"], "agent_id": agent}
            answer = (await page.change("POST", "/api/explain", asked)).json()
            assert answer["faults"] == ["wrong uid"]
            assert answer["remedy"]["text"] == "start the process as user 1"

    play(tmp_path, scene)


def test_a_process_of_this_machine_is_for_admins_and_a_question_needs_a_subject(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        headers = {"origin": ORIGIN}
        async with console(running, Role.VIEWER) as page:
            by_pid = await page.client.post("/api/explain", json={"pid": 1}, headers=headers)
            assert by_pid.status_code == 403
            nothing = await page.client.post("/api/explain", json={}, headers=headers)
            assert nothing.json()["error"] == "name a process, or what it would have"

    play(tmp_path, scene)
