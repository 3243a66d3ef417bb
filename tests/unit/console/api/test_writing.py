"""Changing over HTTP: for admins with the page's token alone, with the server's own errors."""

from __future__ import annotations

import asyncio
from pathlib import Path

from finial.console.access import Role
from finial.runtime.grpc import unary
from finial.testing.console import ORIGIN, console
from finial.testing.server import Running, attest, play
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub

CHANGES = [
    ("POST", "/api/entries"),
    ("PUT", "/api/entries/x"),
    ("DELETE", "/api/entries/x"),
    ("POST", "/api/agent/ban"),
    ("POST", "/api/agent/evict"),
    ("POST", "/api/tokens"),
]


def entry(parent: str, **fields: object) -> dict[str, object]:
    return {
        "spiffe_id": "spiffe://example.org/web",
        "parent_id": parent,
        "selectors": ["unix:uid:1"],
        **fields,
    }


def test_who_may_only_look_changes_nothing_nor_does_a_page_without_its_token(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with console(running, Role.VIEWER) as viewer, console(running) as admin:
            for method, path in CHANGES:
                refused = await viewer.change(method, path, entry("spiffe://example.org/p"))
                assert refused.status_code == 403, path
                headers = {"origin": ORIGIN}
                forged = await admin.client.request(method, path, json={}, headers=headers)
                assert forged.status_code == 403, path
        async with running.admin() as channel:
            assert (await unary(EntryStub(channel).CountEntries, entry_pb2.CountEntriesRequest())).count == 0

    play(tmp_path, scene)


def test_an_entry_is_made_changed_and_deleted(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        parent = str((await attest(running)).id)
        async with console(running) as page:
            made = (await page.change("POST", "/api/entries", entry(parent, hint="a", entry_id="web"))).json()
            assert made["id"] == "web"
            assert made["position"]
            changed = await page.change(
                "PUT", "/api/entries/web", entry(parent, hint="b", selectors=["unix:uid:2"])
            )
            assert changed.status_code == 200
            stored = running.server.follower.index.entries.get("web")
            assert stored
            assert (stored.hint, [str(one) for one in stored.selectors]) == ("b", ["unix:uid:2"])
            assert (await page.change("DELETE", "/api/entries/web")).status_code == 200
            gone = await page.change("DELETE", "/api/entries/web")
            assert gone.status_code == 404

    play(tmp_path, scene)


def test_the_servers_own_refusals_are_told(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        parent = str((await attest(running)).id)
        async with console(running) as page:
            foreign = await page.change(
                "POST", "/api/entries", entry(parent, spiffe_id="spiffe://other.test/a")
            )
            assert foreign.status_code == 400
            assert "example.org" in foreign.json()["error"]
            broken = await page.change("POST", "/api/entries", entry(parent, selectors=["uid"]))
            assert broken.json()["error"] == 'selector "uid" must be formatted as type:value'
            assert (await page.change("POST", "/api/entries", {"spiffe_id": "x"})).status_code == 422
            await page.change("POST", "/api/entries", entry(parent))
            twice = await page.change("POST", "/api/entries", entry(parent))
            assert twice.status_code == 409

    play(tmp_path, scene)


def test_an_answer_may_wait_until_agents_have_the_change(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with console(running) as page, running.remote(agent) as remote:
            late = (await page.change("POST", "/api/entries", entry(str(agent.id)), wait=0.2)).json()
            assert (late["arrived"], late["agents"]) == (False, {"pending": 1})
            async with ChangesStub(remote).Watch.open() as watch:
                await watch.send_message(change_pb2.WatchRequest(open=change_pb2.Open()))
                first = await watch.recv_message()
                assert first
                await watch.send_message(acknowledged(first.position))
                asked = asyncio.ensure_future(
                    page.change(
                        "POST", "/api/entries", entry(str(agent.id), selectors=["unix:uid:7"]), wait=10
                    )
                )
                pushed = await watch.recv_message()
                assert pushed
                await watch.send_message(acknowledged(pushed.position))
                answer = (await asked).json()
                assert (answer["arrived"], answer["agents"]) == (True, {"ready": 1})
                await watch.cancel()

    play(tmp_path, scene)


def acknowledged(position: bytes) -> change_pb2.WatchRequest:
    return change_pb2.WatchRequest(acknowledge=change_pb2.Acknowledge(position=position))


def test_an_agent_is_banned_and_evicted_and_a_token_made(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = (await attest(running)).id
        async with console(running) as page:
            assert (await page.change("POST", "/api/agent/ban", {"id": str(agent)})).status_code == 200
            banned = running.server.follower.index.agents.get(agent)
            assert banned
            assert banned.banned
            assert (await page.change("POST", "/api/agent/evict", {"id": str(agent)})).status_code == 200
            assert agent not in running.server.follower.index.agents
            token = (await page.change("POST", "/api/tokens", {"ttl": 60})).json()
            await attest(running, token["value"])

    play(tmp_path, scene)
