"""A server, asked over its API: of ours changes come as they are made, a stock one is asked again and again.

The reading is replaced as a whole, so whoever reads sees one moment. Entries and agents are listed in full at first;
then a server of ours names what changed, and only that is read again. A stock server is listed each minute, or once
one of its counts has moved, which is looked at each five seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from finial.console.readings import AgentReading, ChangeReading, ServerReading, State
from finial.console.sources.listed import Listed, authorities
from finial.errors import FinialError, NotFound, PermissionDenied, Unsupported
from finial.registry.agent import Agent
from finial.runtime.clock import Clock
from finial.runtime.grpc import unary
from finial.runtime.tasks import until_first
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.client import ServerApi
from finial.wire.pb.finial.status.v1 import status_pb2
from finial.wire.pb.spire.api.server.debug.v1 import debug_pb2

T = TypeVar("T")
COUNTS_EVERY, STATES_EVERY = 5.0, 2.0  # seconds
EVERYTHING_EVERY, STOCK_EVERY = 300.0, 60.0
RETRY = 1.0
MOST_CHANGES = 500
MOST_NAMED = 50  # things read one by one; more are a reason to list all
STATES = {
    status_pb2.AgentStatus.READY: State.READY,
    status_pb2.AgentStatus.DELIVERED: State.DELIVERED,
    status_pb2.AgentStatus.PENDING: State.PENDING,
    status_pb2.AgentStatus.GONE: State.GONE,
}


class ServerSource:
    """`run` it; `reading` is the latest. `moved` is called, on the loop, after each change of it."""

    def __init__(self, connect: Callable[[], ServerApi], clock: Clock, moved: Callable[[], None]) -> None:
        self._connect, self._clock, self._moved = connect, clock, moved
        self.reading = ServerReading()

    async def run(self) -> None:
        """Until cancelled. A server that is away is tried again each second; what was read stays."""
        while True:
            try:
                async with self._connect() as api:
                    await self._follow(api)
            except FinialError as why:
                self._set(trouble=str(why))
            await self._clock.sleep(RETRY)

    async def _follow(self, api: ServerApi) -> None:
        await self._list(api)
        if self.reading.own:
            await until_first(self._changes(api), self._states(api), self._again(api, EVERYTHING_EVERY))
        await until_first(self._counts(api), self._again(api, STOCK_EVERY))

    async def _again(self, api: ServerApi, seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            await self._list(api)

    async def _list(self, api: ServerApi) -> None:
        """Everything. Raises: what the calls raise."""
        listed = Listed(api)
        bundle = await listed.bundle()
        entries = {one.id: one async for one in listed.entries()}
        agents = [one async for one in listed.agents()]
        federated = [one async for one in listed.federated()]
        x509, jwt = await authorities(api)
        self._set(
            bundle=bundle,
            trust_domain=bundle.trust_domain,
            entries=entries,
            federated=tuple(federated),
            x509_authorities=x509,
            jwt_authorities=jwt,
        )
        await self._describe(api, agents)

    async def _describe(self, api: ServerApi, agents: Iterable[Agent]) -> None:
        """The server itself, and the states of its agents."""
        debug = await allowed(unary(api.debug.GetInfo, debug_pb2.GetInfoRequest()))
        if debug is not None and debug.svid_chain:
            self._set(svid_expires_at=float(debug.svid_chain[0].expires_at))
        try:
            status = await self._status(api)
            self._set(own=True, agents=await self._agents(api, agents), **status)
        except Unsupported:
            now = self._clock.unix()
            started = now - debug.uptime if debug is not None else 0.0
            self._set(own=False, started_at=started, agents={one.id: unwatched(one, now) for one in agents})

    async def _status(self, api: ServerApi) -> dict[str, Any]:
        """Fields of the reading."""
        told = await unary(api.status.GetStatus, status_pb2.GetStatusRequest())
        return {
            "trust_domain": TrustDomain.parse(told.trust_domain),
            "version": told.version,
            "started_at": told.started_at,
            "skew": self._clock.unix() - told.now,
            "position": told.position,
            "watching": told.watching,
            "outage": told.outage,
        }

    async def _agents(self, api: ServerApi, agents: Iterable[Agent]) -> Mapping[SpiffeId, AgentReading]:
        told = await unary(api.status.ListAgentStatus, status_pb2.ListAgentStatusRequest())
        states = {one.spiffe_id: one for one in told.agents}
        now = self._clock.unix()
        return {one.id: watched(one, states.get(str(one.id)), now) for one in agents}

    async def _states(self, api: ServerApi) -> None:
        while True:
            await self._clock.sleep(STATES_EVERY)
            status = await self._status(api)
            known = [one.agent for one in self.reading.agents.values()]
            self._set(agents=await self._agents(api, known), **status)

    async def _counts(self, api: ServerApi) -> None:
        """Of a stock server."""
        while True:
            await self._clock.sleep(COUNTS_EVERY)
            found = await Listed(api).counts()
            if found != (len(self.reading.entries), len(self.reading.agents)):
                await self._list(api)

    async def _changes(self, api: ServerApi) -> None:
        async for changes in followed(api):
            known = {one.position: one for one in self.reading.changes}
            fresh = [one for one in changes if one.position not in known]
            known |= {one.position: one for one in changes}
            await self._read_again(api, fresh)
            self._set(changes=tuple(known.values())[-MOST_CHANGES:])

    async def _read_again(self, api: ServerApi, changes: Iterable[ChangeReading]) -> None:
        things = {thing for change in changes for thing in change.things}
        if any(change.more for change in changes) or len(things) > MOST_NAMED:
            await self._list(api)
            return
        listed, entries, agents = Listed(api), dict(self.reading.entries), dict(self.reading.agents)
        for kind, key in things:
            if kind == "entry":
                put(entries, key, await found(listed.entry(key)))
            if kind == "node":
                agent_id = SpiffeId.parse(key)
                agent = await found(listed.agent(agent_id))
                put(agents, agent_id, agent and watched(agent, None, self._clock.unix()))
        self._set(entries=entries, agents=agents)
        if any(kind in ("bundle", "journal") for kind, _ in things):
            x509, jwt = await authorities(api)
            federated = [one async for one in listed.federated()]
            self._set(
                bundle=await listed.bundle(),
                federated=tuple(federated),
                x509_authorities=x509,
                jwt_authorities=jwt,
            )

    def _set(self, **read: Any) -> None:
        at = self.reading.at if "trouble" in read else self._clock.unix()
        self.reading = replace(self.reading, **{"trouble": "", "at": at, **read})
        self._moved()


async def followed(api: ServerApi) -> AsyncIterator[list[ChangeReading]]:
    """What is remembered, then each change as it is made and as it arrives. Ends when the server goes away."""
    async with api.status.FollowChanges.open() as stream:
        await stream.send_message(status_pb2.FollowChangesRequest(), end=True)
        async for answer in stream:
            yield [change_of(one) for one in answer.changes]


def change_of(told: status_pb2.Change) -> ChangeReading:
    return ChangeReading(
        told.position,
        told.at,
        tuple((one.kind, one.key) for one in told.things),
        told.more,
        tuple((one.caller, one.method) for one in told.authors),
        told.concerned,
        told.arrived,
        tuple(told.waiting),
        told.median_arrival,
        told.last_arrival,
    )


def unwatched(agent: Agent, now: float) -> AgentReading:
    """Of a stock server: what its row says."""
    return AgentReading(agent, ended(agent, now) or State.UNKNOWN)


def watched(agent: Agent, told: status_pb2.AgentStatus | None, now: float) -> AgentReading:
    """`told` is None for one that is newer than the states."""
    if told is None:
        return AgentReading(agent, ended(agent, now) or State.PENDING)
    state = ended(agent, now) or STATES.get(told.state, State.UNKNOWN)
    return AgentReading(agent, state, told.last_seen, told.watches)


def ended(agent: Agent, now: float) -> State | None:
    if agent.banned:
        return State.BANNED
    return State.EXPIRED if 0 < agent.expires_at <= now else None


def put(known: dict[Any, Any], key: object, value: object | None) -> None:
    """None: it is gone."""
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value


async def found(asked: Awaitable[T]) -> T | None:
    try:
        return await asked
    except NotFound:
        return None


async def allowed(asked: Awaitable[T]) -> T | None:
    """None for what this caller may not ask, or this server does not know."""
    try:
        return await asked
    except (PermissionDenied, Unsupported):
        return None
