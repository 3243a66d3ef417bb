"""Looking: the views, as they are now. Each wants somebody who is signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from finial.console.api.deps import InUse, Viewer
from finial.console.readings import State
from finial.console.trends import SPAN
from finial.console.views.agents import AgentRow, Agents, agent_row, agents
from finial.console.views.authorities import Authorities, authorities
from finial.console.views.changes import ChangeRow, change_rows
from finial.console.views.identities import Identities, IdentityPage, identities, identity_page
from finial.console.views.model import Model, Point
from finial.console.views.overview import Overview, overview
from finial.errors import NotFound
from finial.spiffe.id import SpiffeId

router = APIRouter(prefix="/api", tags=["views"])
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Most = Annotated[int, Query(ge=1, le=1000)]
Text = Annotated[str, Query(max_length=512)]
Name = Annotated[str, Query(max_length=200)]
Seconds = Annotated[int, Query(ge=60, le=SPAN)]


class Trend(Model):
    name: str
    points: list[Point]


@router.get("/overview")
async def get_overview(_: Viewer, parts: InUse) -> Overview:
    """One sentence of state, cards, what wants attention, lag, and the changes of late."""
    return overview(parts.seen, parts.now)


@router.get("/agents")
async def get_agents(
    _: Viewer, parts: InUse, state: State | None = None, text: Text = "", offset: Offset = 0, most: Most = 100
) -> Agents:
    """Worst first."""
    return agents(parts.seen.server, parts.now, state=state, text=text, offset=offset, most=most)


@router.get("/agent")
async def get_agent(_: Viewer, parts: InUse, id: Name) -> AgentRow:
    """One agent, by its SPIFFE ID."""
    found = parts.seen.server.agents.get(SpiffeId.parse(id))
    if found is None:
        raise NotFound(f'there is no agent "{id}"')
    return agent_row(found, parts.now)


@router.get("/entries")
async def get_entries(
    _: Viewer, parts: InUse, text: Text = "", offset: Offset = 0, most: Most = 100
) -> Identities:
    """By SPIFFE ID."""
    return identities(parts.seen.server, parts.now, text=text, offset=offset, most=most)


@router.get("/entries/{entry_id}")
async def get_entry(_: Viewer, parts: InUse, entry_id: str) -> IdentityPage:
    """One entry with the agents that may hold it, what stands below it, and its changes of late."""
    server = parts.seen.server
    entry = server.entries.get(entry_id)
    if entry is None:
        raise NotFound(f'there is no entry "{entry_id}"')
    return identity_page(server, entry, parts.now)


@router.get("/changes")
async def get_changes(_: Viewer, parts: InUse, most: Most = 100) -> list[ChangeRow]:
    """Newest first."""
    return change_rows(parts.seen.server, most)


@router.get("/authorities")
async def get_authorities(_: Viewer, parts: InUse) -> Authorities:
    """Of this server and of the trust bundle."""
    return authorities(parts.seen.server, parts.now)


@router.get("/trends/{name}")
async def get_trend(_: Viewer, parts: InUse, name: str, seconds: Seconds = 3600, most: Most = 360) -> Trend:
    """A figure over up to a day; gaps stay gaps."""
    if name not in parts.seen.trends:
        raise NotFound(f'nothing is known of "{name}"')
    found = parts.seen.trends.points(name, parts.now - seconds, parts.now, most)
    return Trend(name=name, points=[Point(at=at, value=value) for at, value in found])
