"""A page is told when something moved, and not more often than it can follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from finial.console.api.events import APART, Moved, movements
from finial.testing.console import Page, console
from finial.testing.server import Running, attest, play


async def next_of(moves: AsyncIterator[Moved]) -> Moved:
    return await asyncio.wait_for(anext(moves), 10)


def test_one_event_comes_at_once_and_one_after_each_move(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with console(running) as page:
            moves = movements(page.parts.seen)
            first = await next_of(moves)
            assert first.position == page.parts.seen.server.position.hex()
            parent = str((await attest(running)).id)
            await create(page, parent)
            last = first
            while last.position == first.position:
                last = await next_of(moves)
            assert last.version > first.version
            assert last.at - first.at >= APART / 2

    play(tmp_path, scene)


async def create(page: Page, parent: str) -> None:
    body = {"spiffe_id": "spiffe://example.org/web", "parent_id": parent, "selectors": ["unix:uid:1"]}
    assert (await page.change("POST", "/api/entries", body)).status_code == 201
