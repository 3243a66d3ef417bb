"""A console over a real server, in a test's own loop, called as a browser calls it.

async with console(running, agent_socket) as page:
    (await page.get("/api/overview")).json()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from finial.console.access import Access, Role
from finial.console.api.app import build
from finial.console.api.deps import COOKIE, Parts
from finial.console.observatory import Observatory
from finial.console.sources.metrics import Target
from finial.runtime.clock import SystemClock
from finial.runtime.tasks import Tasks
from finial.testing.server import Running
from finial.wire.client import ServerApi

HOST = "127.0.0.1:3000"
ORIGIN = f"http://{HOST}"


@dataclass(slots=True)
class Page:
    """A signed-in browser. `csrf` goes with each change."""

    parts: Parts
    client: httpx.AsyncClient
    csrf: str = ""

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(path, params=query or None)

    async def change(self, method: str, path: str, body: object = None, **query: Any) -> httpx.Response:
        headers = {"origin": ORIGIN, "x-csrf-token": self.csrf}
        return await self.client.request(method, path, json=body, params=query or None, headers=headers)

    async def until_read(self, **wanted: object) -> None:
        """Until the server's reading has these fields."""
        seen = self.parts.seen
        async with asyncio.timeout(15):
            version = -1
            while any(getattr(seen.server, name) != value for name, value in wanted.items()):
                version = await seen.moved(version)


@asynccontextmanager
async def console(
    running: Running,
    role: Role | None = Role.ADMIN,
    *,
    agent_socket: str = "",
    targets: Sequence[Target] = (),
) -> AsyncIterator[Page]:
    """`role` None: nobody is signed in."""
    path = str(running.server.socket_path)
    seen = Observatory(lambda: ServerApi.at(path), targets, SystemClock())
    parts = Parts(seen, Access(), agent_socket, path)
    transport = httpx.ASGITransport(build(parts, [HOST]))
    async with Tasks() as tasks, httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        tasks.start(seen.run(), name="observatory")
        page = Page(parts, client)
        if role is not None:
            cookie, session = parts.access.open("test", role, parts.now)
            client.cookies.set(COOKIE, cookie)
            page.csrf = session.csrf
        await page.until_read(own=True)
        yield page
