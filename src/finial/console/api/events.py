"""Events: a line whenever something moved, so that a page asks again at once and not by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from finial.console.api.deps import InUse, Viewer
from finial.console.observatory import Observatory
from finial.console.views.model import Model

router = APIRouter(prefix="/api", tags=["events"])
APART = 0.2  # seconds between two events of one page at least


class Moved(Model):
    """`version` rises with each reading; `position` is the server's."""

    version: int
    position: str
    at: float


@router.get("/events", response_class=EventSourceResponse)
async def events(_: Viewer, parts: InUse) -> AsyncIterator[ServerSentEvent]:
    """One event at once, then one after each move, at most five a second."""
    async for moved in movements(parts.seen):
        yield ServerSentEvent(data=moved.model_dump(), event="moved", id=str(moved.version))


async def movements(seen: Observatory) -> AsyncIterator[Moved]:
    version = seen.version
    while True:
        yield Moved(version=version, position=seen.server.position.hex(), at=seen.clock.unix())
        await asyncio.sleep(APART)
        version = await seen.moved(version)
