"""`finial.status.v1.Status`: where this server stands, what its agents have, and the changes of late as they arrive."""

from __future__ import annotations

import asyncio

from finial import __version__
from finial.runtime.grpc import Stream, draining
from finial.runtime.tasks import until_first
from finial.server.api.backend import Backend, request_of
from finial.server.arrival import Arrival, Arrivals
from finial.server.recent import RecentChange, RecentChanges
from finial.server.watch import Watchers
from finial.wire.pb.finial.status.v1 import status_pb2 as api
from finial.wire.pb.finial.status.v1.status_grpc import StatusBase

SHOWN_THINGS, SHOWN_WAITING = 20, 20
GATHERED = 0.05  # seconds in which what moves goes into one message
STATES = {
    Arrival.READY: api.AgentStatus.READY,
    Arrival.DELIVERED: api.AgentStatus.DELIVERED,
    Arrival.PENDING: api.AgentStatus.PENDING,
    Arrival.GONE: api.AgentStatus.GONE,
}


class StatusService(StatusBase):
    def __init__(
        self, backend: Backend, watchers: Watchers, arrivals: Arrivals, recent: RecentChanges
    ) -> None:
        self._backend, self._watchers, self._arrivals, self._recent = backend, watchers, arrivals, recent
        self._started = backend.clock.unix()

    async def GetStatus(self, stream: Stream[api.GetStatusRequest, api.ServerStatus]) -> None:
        await request_of(stream)
        follower = self._backend.follower
        await stream.send_message(
            api.ServerStatus(
                trust_domain=self._backend.trust_domain.name,
                version=__version__,
                now=self._backend.clock.unix(),
                started_at=self._started,
                position=follower.position.encode(),
                entries=len(follower.index.entries),
                agents=len(follower.index.agents),
                watching=len(self._watchers),
                outage=follower.outage,
            )
        )

    async def ListAgentStatus(
        self, stream: Stream[api.ListAgentStatusRequest, api.ListAgentStatusResponse]
    ) -> None:
        await request_of(stream)
        follower, answer = self._backend.follower, api.ListAgentStatusResponse()
        for agent in sorted(follower.index.agents.values(), key=lambda one: str(one.id)):
            mark = self._backend.marks.get(agent.id)
            answer.agents.add(
                spiffe_id=str(agent.id),
                state=STATES[self._arrivals.of(agent.id, follower.position)],
                last_seen=mark.last_seen if mark else 0.0,
                watches=len(self._watchers.of(agent.id)),
            )
        await stream.send_message(answer)

    async def FollowChanges(self, stream: Stream[api.FollowChangesRequest, api.ChangesResponse]) -> None:
        await request_of(stream)
        moved: dict[RecentChange, None] = dict.fromkeys(self._recent)
        news = asyncio.Event()

        def note(change: RecentChange) -> None:
            moved[change] = None
            news.set()

        leave = self._recent.subscribe(note)
        try:
            await stream.send_message(self._told(moved))
            while not draining(stream).is_set():
                await until_first(news.wait(), draining(stream).wait())
                await self._backend.clock.sleep(GATHERED)
                news.clear()
                if moved:
                    await stream.send_message(self._told(moved))
        finally:
            leave()

    def _told(self, moved: dict[RecentChange, None]) -> api.ChangesResponse:
        """All that moved, which is then told."""
        answer = api.ChangesResponse(changes=[self._change(one) for one in moved])
        moved.clear()
        return answer

    def _change(self, one: RecentChange) -> api.Change:
        return api.Change(
            position=one.position.encode(),
            at=one.at,
            things=[api.Thing(kind=each.kind.value, key=each.key) for each in one.things[:SHOWN_THINGS]],
            more=max(len(one.things) - SHOWN_THINGS, 0),
            authors=[
                api.Author(caller=each.caller, method=each.method) for each in self._recent.authors(one)
            ],
            concerned=one.concerned,
            arrived=len(one.arrivals),
            waiting=sorted(map(str, one.waiting))[:SHOWN_WAITING],
            last_arrival=one.arrivals[-1] if one.arrivals else 0.0,
            median_arrival=one.median,
        )
