"""`finial.change.v1.Changes`: Watch for agents, Wait for operators.

Watch begins with what the agent lacks of the whole state, then carries each change as it is committed.
Before each message the agent is checked again: banned, evicted, expired or superseded ends the stream with
the same details as any call. It ends with OK when the connection drains, to be opened anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from finial.errors import InvalidArgument
from finial.runtime.grpc import Stream, draining
from finial.runtime.tasks import Tasks
from finial.server.api.backend import Backend
from finial.server.api.caller import CallRecord, current
from finial.server.api.gate import Gate, denied
from finial.server.api.wait import answer_wait
from finial.server.arrival import Arrivals
from finial.server.watch import Change, Session, Watchers
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.finial.change.v1 import change_pb2 as api
from finial.wire.pb.finial.change.v1.change_grpc import ChangesBase

PAGE = 500  # entries of one message
WatchStream = Stream[api.WatchRequest, api.WatchResponse]


class ChangeService(ChangesBase):
    def __init__(self, backend: Backend, gate: Gate, watchers: Watchers, arrivals: Arrivals) -> None:
        self._backend, self._gate = backend, gate
        self._watchers, self._arrivals = watchers, arrivals

    async def Wait(self, stream: Stream[api.WaitRequest, api.WaitResponse]) -> None:
        await answer_wait(stream, self._backend, self._arrivals)

    async def Watch(self, stream: WatchStream) -> None:
        first = await stream.recv_message()
        if first is None or first.WhichOneof("step") != "open":
            raise InvalidArgument("the first message must be open")
        call = current()
        session = self._watchers.open(call.agent_id)
        self._backend.marks.seen(call.agent_id)
        try:
            await self._serve(stream, session, first.open, call)
        finally:
            self._watchers.close(session)
            self._backend.marks.acknowledged(call.agent_id)

    async def _serve(self, stream: WatchStream, session: Session, opened: api.Open, call: CallRecord) -> None:
        change = session.take(self._backend.follower)
        leave_out_known(change, opened)
        await self._push(stream, session, change, call, snapshot=True)
        async with Tasks() as tasks:
            reading = tasks.start(self._read(stream, session), name="acknowledgements")
            reading.add_done_callback(lambda _: session.wake.set())
            tasks.start(self._wake_at_the_end(session, call), name="end of the agent's SVID")
            tasks.start(_wake_at_drain(stream, session), name="drain of the connection")
            while not (reading.done() or draining(stream).is_set()):
                await session.wake.wait()
                session.wake.clear()
                self._check(call)
                if session.dirty and (change := session.take(self._backend.follower)):
                    await self._push(stream, session, change, call)

    def _check(self, call: CallRecord) -> None:
        if call.caller.svid is not None and (reason := self._gate.denial(call.caller.svid)) is not None:
            raise denied(call.path, reason)

    async def _push(
        self,
        stream: WatchStream,
        session: Session,
        change: Change,
        call: CallRecord,
        *,
        snapshot: bool = False,
    ) -> None:
        """Each message waits until the agent reads: it is checked again before each."""
        position = self._backend.follower.position
        session.send(position)
        for message in messages(change, position, snapshot=snapshot):
            self._check(call)
            await stream.send_message(message)

    async def _read(self, stream: WatchStream, session: Session) -> None:
        """Until the agent closes its side. Raises: InvalidArgument."""
        async for message in stream:
            if message.WhichOneof("step") != "acknowledge":
                raise InvalidArgument("a watch is opened once; then come acknowledgements")
            session.acknowledge(Position.decode(message.acknowledge.position))
            self._backend.marks.acknowledged(session.agent_id)

    async def _wake_at_the_end(self, session: Session, call: CallRecord) -> None:
        if call.caller.svid is not None:
            await self._backend.clock.wait_until(call.caller.svid.not_after)
            session.wake.set()


async def _wake_at_drain(stream: WatchStream, session: Session) -> None:
    await draining(stream).wait()
    session.wake.set()


def leave_out_known(change: Change, opened: api.Open) -> None:
    """Of a whole state, what the agent holds already; what it holds and may not is withdrawn."""
    known = {one.id: (one.revision_number, one.created_at) for one in opened.known}
    current_ids = {entry.id for entry in change.entries}
    change.withdrawn = [entry_id for entry_id in known if entry_id not in current_ids]
    change.entries = [
        one for one in change.entries if known.get(one.id) != (one.revision_number, one.created_at)
    ]
    digests = {one.trust_domain: one.digest for one in opened.known_bundles}
    current_domains = {bundle.trust_domain.name for bundle in change.bundles}
    change.withdrawn_bundles = [TrustDomain.parse(name) for name in digests if name not in current_domains]
    change.bundles = [
        one
        for one in change.bundles
        if digests.get(one.trust_domain.name) != sha256(bundle_to_wire(one).SerializeToString()).digest()
    ]


def messages(change: Change, position: Position, *, snapshot: bool = False) -> Iterator[api.WatchResponse]:
    """One change in as many messages as it needs; bundles and withdrawals come with the first."""
    encoded = position.encode()
    starts = range(0, len(change.entries), PAGE) or range(1)
    for start in starts:
        message = api.WatchResponse(
            position=encoded,
            snapshot=snapshot,
            entries=[entry_to_wire(one) for one in change.entries[start : start + PAGE]],
            more=start + PAGE < len(change.entries),
        )
        if start == 0:
            message.withdrawn_entry_ids.extend(change.withdrawn)
            message.bundles.extend(bundle_to_wire(one) for one in change.bundles)
            message.withdrawn_bundles.extend(one.name for one in change.withdrawn_bundles)
        yield message
