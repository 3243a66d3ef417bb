"""Watch where the server can, poll where it cannot."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from finial.agent.sync import Synchronizer
from finial.errors import FailedPrecondition, PermissionDenied, Unavailable
from finial.registry.entry import Entry
from finial.runtime.tasks import Tasks
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.metrics import told
from finial.testing.scripted_server import ScriptedServer

PARENT = SpiffeId.parse("spiffe://example.org/node")


def entry(name: str) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, PARENT, (Selector("t", "1"),))


def synchronizer(parts: Any, interval: float = 0.01) -> Synchronizer:
    return Synchronizer(
        parts.connection,
        parts.intake,
        parts.watch,
        parts.server.clock,
        random.uniform,
        parts.logger,
        parts.trust,
        parts.contact,
        parts.metrics,
        interval=interval,
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition sends no event
            await asyncio.sleep(0.001)


def test_a_stock_server_is_polled_after_it_was_asked_once(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts, Tasks() as tasks:
            tasks.start(synchronizer(parts).run())
            server.entries = {"a": entry("a")}
            await until(lambda: "a" in parts.holdings.entries)
            server.entries = {"b": entry("b")}
            await until(lambda: set(parts.holdings.entries) == {"b"})
            assert server.calls["GetBundle"] > 1

    asyncio.run(scenario())


def test_a_server_that_can_push_is_not_polled(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            tasks.start(synchronizer(parts).run())
            await server.watch_opened.wait()
            server.push(b"1", entry("a"))
            await until(lambda: "a" in parts.holdings.entries)
            assert server.calls["SyncAuthorizedEntries"] == 0

    asyncio.run(scenario())


def test_a_server_with_another_history_is_asked_for_everything(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:
            parts.watch.position = b"of before"

            async def other_history() -> None:
                server.before.clear()
                raise FailedPrecondition("position of another history")

            server.before["Watch"] = other_history
            tasks.start(synchronizer(parts).run())
            await server.watch_opened.wait()
            assert server.watches[0].opened.position == b""

    asyncio.run(scenario())


def test_a_policy_that_forbids_to_watch_leads_to_polls(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server, joined(server) as parts, Tasks() as tasks:

            async def forbid() -> None:
                raise PermissionDenied("authorization denied for method")

            server.before["Watch"] = forbid
            tasks.start(synchronizer(parts).run())
            await until(lambda: server.calls["SyncAuthorizedEntries"] > 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("watchable", [True, False], ids=["ours", "stock"])
def test_a_failure_is_told_and_tried_again_and_a_denial_ends_it(joined: Any, watchable: bool) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=watchable) as server, joined(server) as parts:
            method = "Watch" if watchable else "SyncAuthorizedEntries"

            async def away() -> None:
                server.before.clear()
                raise Unavailable("away")

            server.before[method] = away
            one = synchronizer(parts)
            tasks = Tasks(lambda _name, _error: None)
            running = tasks.start(one.run())
            server.entries = {"a": entry("a")}
            await until(lambda: "a" in parts.holdings.entries)
            told = "Watch ended" if watchable else "failed to fetch authorized entries: rpc error"
            assert told in parts.log
            if not watchable:
                server.serials.clear()
                with pytest.raises(PermissionDenied):
                    await asyncio.wait_for(running, 5)
            await tasks.close()

    asyncio.run(scenario())


def test_one_poll_says_when_it_succeeded_and_what_failed(joined: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server, joined(server) as parts:
            one = synchronizer(parts)
            await one.synchronize()
            assert parts.contact.heard_at == pytest.approx(server.clock.unix(), abs=5)
            server.serials.clear()
            with pytest.raises(PermissionDenied, match="failed to fetch authorized entries: rpc error"):
                await one.synchronize()
            polls = "s_manager_sync_fetch_entries_updates"
            counted = told(parts.metrics)
            assert counted[polls + '{status="OK"}'] == counted[polls + '{status="PermissionDenied"}'] == 1

    asyncio.run(scenario())
