"""Wait: which agents have a change, told again whenever one moves. Design: the states of `AgentState`.

    pending -> ready (acknowledged) | delivered (an agent that polls has fetched it) | gone (silent)

Concerned are the agents that may hold the entries named; without entries, or with one that is deleted,
all agents. An entry that no agent may hold is told with the parent that is missing.
"""

from __future__ import annotations

import asyncio

from finial.runtime.grpc import Stream
from finial.runtime.tasks import Tasks
from finial.server.api.backend import Backend, request_of
from finial.server.arrival import Arrival, Arrivals
from finial.server.authorized import AuthorizedIndex
from finial.spiffe.id import SpiffeId
from finial.store import Position
from finial.wire.convert.id import id_to_wire
from finial.wire.pb.finial.change.v1 import change_pb2 as api

LOOK = 1.0  # seconds between looks for agents that have gone silent
State = api.AgentState
STATES = {
    Arrival.READY: State.READY,
    Arrival.DELIVERED: State.DELIVERED,
    Arrival.PENDING: State.PENDING,
    Arrival.GONE: State.GONE,
}
WaitStream = Stream[api.WaitRequest, api.WaitResponse]


async def answer_wait(stream: WaitStream, backend: Backend, arrivals: Arrivals) -> None:
    """Raises: InvalidArgument for what is no position, FailedPrecondition for one of another history."""
    request = await request_of(stream)
    position = Position.decode(request.position)
    await backend.follower.reached(position)
    waiting = Waiting(backend, arrivals, position, frozenset(request.entry_ids))
    moved = asyncio.Event()
    unsubscribe = backend.marks.subscribe(lambda _: moved.set())
    try:
        async with Tasks() as tasks:
            tasks.start(_every_second(backend, moved), name="look for silent agents")
            done = await waiting.tell(stream, first=True)
            while not done:
                await moved.wait()
                moved.clear()
                done = await waiting.tell(stream)
    finally:
        unsubscribe()


async def _every_second(backend: Backend, moved: asyncio.Event) -> None:
    while True:
        await backend.clock.sleep(LOOK)
        moved.set()


class Waiting:
    """One call: who is concerned, and what was told of each."""

    def __init__(
        self, backend: Backend, arrivals: Arrivals, position: Position, entry_ids: frozenset[str]
    ) -> None:
        self._backend, self._arrivals = backend, arrivals
        self._position, self._entry_ids = position, entry_ids
        self._began = backend.clock.unix()
        self._told: dict[SpiffeId, State.State] = {}
        self._missing: dict[str, SpiffeId] = {}
        self._agents = self._concerned()

    def _concerned(self) -> set[SpiffeId]:
        index = self._backend.follower.index
        agents: set[SpiffeId] = set()
        for entry_id in self._entry_ids:
            entry = index.entries.get(entry_id)
            if entry is None:
                return {one.id for one in index.agents.values()}
            holders = index.agents_of(index.roots_of(entry))
            agents |= holders
            if not holders:
                self._missing[entry_id] = missing_parent(index, entry.parent_id)
        return agents if self._entry_ids else {one.id for one in index.agents.values()}

    async def tell(self, stream: WaitStream, *, first: bool = False) -> bool:
        """Sends the states that moved; whether that was the last answer."""
        now = {one: self._state(one) for one in self._agents}
        moved = {one: state for one, state in now.items() if self._told.get(one) != state}
        done = State.PENDING not in now.values()
        self._told = now
        if moved or first or done:
            await stream.send_message(self._message(moved, first=first, done=done))
        return done

    def _state(self, agent_id: SpiffeId) -> State.State:
        return STATES[self._arrivals.of(agent_id, self._position, self._entry_ids, since=self._began)]

    def _message(self, moved: dict[SpiffeId, State.State], *, first: bool, done: bool) -> api.WaitResponse:
        message = api.WaitResponse(done=done)
        for agent_id, state in moved.items():
            mark = self._backend.marks.get(agent_id)
            seen = int(mark.last_seen) if mark is not None else 0
            message.agents.add(spiffe_id=id_to_wire(agent_id), state=state, last_seen=seen)
        if first:
            for entry_id, parent in self._missing.items():
                message.nobody_entry_ids.append(entry_id)
                message.nobody_reasons.add(entry_id=entry_id, missing_parent=id_to_wire(parent))
        return message


def missing_parent(index: AuthorizedIndex, parent_id: SpiffeId) -> SpiffeId:
    """The first ID above an entry that is neither an agent nor given to one by an entry."""
    seen: set[SpiffeId] = set()
    while parent_id not in seen:
        seen.add(parent_id)
        above = next(iter(index.with_spiffe_id(parent_id)), None)
        if above is None or above.is_node_alias:
            return parent_id
        parent_id = above.parent_id
    return parent_id
