"""Changing: entries, agents, join tokens and authorities. Each wants an admin and the page's token, and answers with
the position at which the change is in force; with `wait` it answers once agents have it, or the seconds are over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from finial.console.api.deps import Admin, InUse
from finial.console.views.model import Model
from finial.registry.entry import Entry
from finial.runtime.grpc import unary
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.client import ServerApi
from finial.wire.convert.entry import entry_to_wire
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.finial.change.v1.change_pb2 import AgentState, WaitRequest
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.status import require_item

router = APIRouter(prefix="/api", tags=["changes"])
MOST_TTL = 10 * 365 * 86400  # seconds
Wait = Annotated[float, Query(ge=0, le=60)]
Id = Annotated[str, Field(max_length=2048)]
Ttl = Annotated[int, Field(ge=0, le=MOST_TTL)]


class EntryRequest(Model):
    """Lifetimes are seconds, 0: the server's default. `expires_at`: Unix seconds, 0: never."""

    spiffe_id: Id
    parent_id: Id
    selectors: list[Annotated[str, Field(max_length=4096)]] = Field(min_length=1, max_length=64)
    entry_id: Annotated[str, Field(max_length=255)] = ""
    x509_svid_ttl: Ttl = 0
    jwt_svid_ttl: Ttl = 0
    federates_with: list[Id] = Field(default_factory=list, max_length=1000)
    dns_names: list[Annotated[str, Field(max_length=253)]] = Field(default_factory=list, max_length=1000)
    hint: Annotated[str, Field(max_length=1024)] = ""
    admin: bool = False
    downstream: bool = False
    store_svid: bool = False
    expires_at: Annotated[int, Field(ge=0, le=2**53)] = 0

    def entry(self, entry_id: str = "") -> Entry:
        """Raises: InvalidArgument."""
        return Entry(
            entry_id or self.entry_id,
            SpiffeId.parse(self.spiffe_id),
            SpiffeId.parse(self.parent_id),
            tuple(Selector.parse(one) for one in self.selectors),
            self.x509_svid_ttl,
            self.jwt_svid_ttl,
            tuple(TrustDomain.parse(one) for one in self.federates_with),
            tuple(self.dns_names),
            self.hint,
            self.admin,
            self.downstream,
            self.store_svid,
            self.expires_at,
        )


class AgentRequest(Model):
    id: Id


class TokenRequest(Model):
    """`spiffe_id`: a second identity of the agent that uses the token; empty: none. `ttl`: seconds."""

    ttl: Annotated[int, Field(ge=1, le=30 * 86400)] = 600
    spiffe_id: Id = ""


class Changed(Model):
    """`position` is empty from a stock server. `agents`: how many are in which state, where it was waited for;
    `arrived`: all that may hold it have it; None: nobody waited."""

    id: str
    position: str
    warnings: list[str] = Field(default_factory=list)
    arrived: bool | None = None
    agents: dict[str, int] = Field(default_factory=dict)


class Token(Model):
    """Shown once."""

    value: str
    expires_at: float


@router.post("/entries", status_code=201)
async def create_entry(asked: EntryRequest, _: Admin, parts: InUse, wait: Wait = 0) -> Changed:
    """A new entry; `wait`: seconds for its agents to have it."""
    request = entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(asked.entry())])
    async with parts.seen.connect() as api:
        answer, position, warnings = await api.with_warnings(api.entry.BatchCreateEntry, request)
        result = answer.results[0]
        require_item(result.status)
        return await _changed(api, result.entry.id, position, warnings, wait)


@router.put("/entries/{entry_id}")
async def update_entry(entry_id: str, asked: EntryRequest, _: Admin, parts: InUse, wait: Wait = 0) -> Changed:
    """The whole entry anew."""
    request = entry_pb2.BatchUpdateEntryRequest(entries=[entry_to_wire(asked.entry(entry_id))])
    async with parts.seen.connect() as api:
        answer, position, warnings = await api.with_warnings(api.entry.BatchUpdateEntry, request)
        require_item(answer.results[0].status)
        return await _changed(api, entry_id, position, warnings, wait)


@router.delete("/entries/{entry_id}")
async def delete_entry(entry_id: str, _: Admin, parts: InUse) -> Changed:
    request = entry_pb2.BatchDeleteEntryRequest(ids=[entry_id])
    async with parts.seen.connect() as api:
        answer, position, warnings = await api.with_warnings(api.entry.BatchDeleteEntry, request)
        require_item(answer.results[0].status)
        return await _changed(api, entry_id, position, warnings, 0)


@router.post("/agent/ban")
async def ban_agent(asked: AgentRequest, _: Admin, parts: InUse) -> Changed:
    """It is refused from now on, until it is evicted."""
    agent_id = SpiffeId.parse(asked.id)
    async with parts.seen.connect() as api:
        request = agent_pb2.BanAgentRequest(id=id_to_wire(agent_id))
        _answer, position, warnings = await api.with_warnings(api.agent.BanAgent, request)
        return await _changed(api, asked.id, position, warnings, 0)


@router.post("/agent/evict")
async def evict_agent(asked: AgentRequest, _: Admin, parts: InUse) -> Changed:
    """It must attest anew; a ban ends."""
    agent_id = SpiffeId.parse(asked.id)
    async with parts.seen.connect() as api:
        request = agent_pb2.DeleteAgentRequest(id=id_to_wire(agent_id))
        _answer, position, warnings = await api.with_warnings(api.agent.DeleteAgent, request)
        return await _changed(api, asked.id, position, warnings, 0)


@router.post("/tokens", status_code=201)
async def create_token(asked: TokenRequest, _: Admin, parts: InUse) -> Token:
    """A join token, which is shown here and never again."""
    request = agent_pb2.CreateJoinTokenRequest(ttl=asked.ttl)
    if asked.spiffe_id:
        request.agent_id.CopyFrom(id_to_wire(SpiffeId.parse(asked.spiffe_id)))
    async with parts.seen.connect() as api:
        made = await unary(api.agent.CreateJoinToken, request)
    return Token(value=made.value, expires_at=float(made.expires_at))


async def _changed(
    api: ServerApi, changed_id: str, position: bytes, warnings: tuple[str, ...], wait: float
) -> Changed:
    arrived, agents = (
        (None, {}) if not (wait and position) else await _waited(api, changed_id, position, wait)
    )
    return Changed(
        id=changed_id, position=position.hex(), warnings=list(warnings), arrived=arrived, agents=agents
    )


async def _waited(
    api: ServerApi, entry_id: str, position: bytes, seconds: float
) -> tuple[bool, dict[str, int]]:
    """Whether all that may hold the entry have it, and how many agents are in which state."""
    states: dict[str, str] = {}
    done = False
    try:
        async with asyncio.timeout(seconds):
            async for answer in api.wait(WaitRequest(position=position, entry_ids=[entry_id])):
                for one in answer.agents:
                    states[one.spiffe_id.path] = AgentState.State.Name(one.state).lower()
                if answer.done:
                    done = not answer.nobody_entry_ids
                    break
    except TimeoutError:
        pass  # what is known by now is told
    return done, dict(Counter(states.values()))
