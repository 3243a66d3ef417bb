"""Changes reach the agents they concern, at once, and the proof of it reaches the operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from finial.errors import Denial, Unavailable
from finial.runtime.grpc import Channel, ClientStream, GRPCError, Status, unary, unary_with_trailers
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.server import Identity, Running, attest, new_key, server
from finial.wire.convert.id import id_to_wire
from finial.wire.metadata import POSITION
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2
from finial.wire.pb.spire.api.types import status_pb2

State = change_pb2.AgentState


class Watch:
    """The agent's end of one stream."""

    def __init__(self, stream: ClientStream[change_pb2.WatchRequest, change_pb2.WatchResponse]) -> None:
        self._stream = stream

    async def open(self, opened: change_pb2.Open | None = None) -> change_pb2.WatchResponse:
        await self._stream.send_message(change_pb2.WatchRequest(open=opened or change_pb2.Open()))
        return await self.next()

    async def next(self) -> change_pb2.WatchResponse:
        answer = await asyncio.wait_for(self._stream.recv_message(), 5)
        assert answer is not None
        return answer

    async def acknowledge(self, answer: change_pb2.WatchResponse) -> None:
        acknowledged = change_pb2.Acknowledge(position=answer.position)
        await self._stream.send_message(change_pb2.WatchRequest(acknowledge=acknowledged))

    async def end(self) -> GRPCError:
        """How the server ended it."""
        with pytest.raises(GRPCError) as refusal:
            await self._ended()
        return refusal.value

    async def ended_well(self) -> bool:
        await self._ended()
        return True

    async def _ended(self) -> None:
        assert await asyncio.wait_for(self._stream.recv_message(), 5) is None
        await self._stream.end()  # grpclib tells the status only to who has ended its own side
        await self._stream.recv_trailing_metadata()


@asynccontextmanager
async def watching(running: Running, agent: Identity) -> AsyncIterator[Watch]:
    async with running.remote(agent) as channel, ChangesStub(channel).Watch.open() as stream:
        assert isinstance(stream, ClientStream)
        yield Watch(stream)
        with suppress(GRPCError, Unavailable):  # the server may have ended it
            await stream.cancel()


def entry_message(name: str, parent: SpiffeId) -> types_pb2.Entry:
    message = types_pb2.Entry(id=name, parent_id=id_to_wire(parent))
    message.spiffe_id.trust_domain, message.spiffe_id.path = "example.org", f"/{name}"
    message.selectors.add(type="unix", value="uid:1")
    return message


async def create(channel: Channel, *messages: types_pb2.Entry) -> bytes:
    """Returns: the position."""
    request = entry_pb2.BatchCreateEntryRequest(entries=messages)
    answer, trailers = await unary_with_trailers(EntryStub(channel).BatchCreateEntry, request)
    assert [result.status.code for result in answer.results] == [0] * len(messages)
    position = trailers[POSITION]
    assert isinstance(position, bytes)
    return position


async def delete(channel: Channel, entry_id: str) -> None:
    await unary(EntryStub(channel).BatchDeleteEntry, entry_pb2.BatchDeleteEntryRequest(ids=[entry_id]))


def test_a_watch_begins_with_everything_and_goes_on_with_what_changes(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent = await attest(running)
            await create(admin, entry_message("one", agent.id))
            async with watching(running, agent) as watch:
                first = await watch.open()
                assert first.snapshot
                assert [entry.id for entry in first.entries] == ["one"]
                assert [bundle.trust_domain for bundle in first.bundles] == ["example.org"]
                position = await create(
                    admin, entry_message("two", SpiffeId.parse("spiffe://example.org/one"))
                )
                pushed = await watch.next()
                assert not pushed.snapshot
                assert [entry.id for entry in pushed.entries] == ["two"]
                assert pushed.position == position
                await delete(admin, "one")
                assert set((await watch.next()).withdrawn_entry_ids) == {"one", "two"}

    asyncio.run(play())


def test_what_the_agent_holds_is_left_out_and_what_it_may_not_hold_withdrawn(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent = await attest(running)
            await create(admin, entry_message("one", agent.id))
            async with watching(running, agent) as watch:
                first = await watch.open()
            entry, bundle = first.entries[0], first.bundles[0]
            opened = change_pb2.Open(position=first.position)
            opened.known.add(id="one", revision_number=entry.revision_number, created_at=entry.created_at)
            opened.known.add(id="gone", revision_number=3)
            digest = sha256(bundle.SerializeToString()).digest()
            opened.known_bundles.add(trust_domain="example.org", digest=digest)
            async with watching(running, agent) as watch:
                again = await watch.open(opened)
                assert not again.entries
                assert not again.bundles
                assert list(again.withdrawn_entry_ids) == ["gone"]

    asyncio.run(play())


def test_a_change_of_others_is_not_told(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent, other = await attest(running), await attest(running)
            async with watching(running, agent) as watch:
                await watch.open()
                await create(admin, entry_message("theirs", other.id))
                await create(admin, entry_message("mine", agent.id))
                assert [entry.id for entry in (await watch.next()).entries] == ["mine"]

    asyncio.run(play())


def test_a_ban_ends_the_watch_with_the_reason(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent = await attest(running)
            async with watching(running, agent) as watch:
                await watch.open()
                request = agent_pb2.BanAgentRequest(id=id_to_wire(agent.id))
                await unary(AgentStub(admin).BanAgent, request)
                refusal = await watch.end()
            assert refusal.status is Status.PERMISSION_DENIED
            details = list(refusal.details or ())
            assert isinstance(details[0], status_pb2.PermissionDeniedDetails)
            assert Denial(details[0].reason) is Denial.AGENT_BANNED

    asyncio.run(play())


def test_an_svid_that_ends_ends_the_watch(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path, 'agent_ttl = "1s"') as running:
            agent = await attest(running)
            async with watching(running, agent) as watch:
                await watch.open()
                details = list((await watch.end()).details or ())
            assert isinstance(details[0], status_pb2.PermissionDeniedDetails)
            assert Denial(details[0].reason) is Denial.AGENT_EXPIRED

    asyncio.run(play())


def test_a_server_that_stops_lets_a_watch_end_well(tmp_path: Path) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        async with server(tmp_path) as running:
            agent = await attest(running)
            async with watching(running, agent) as watch:
                await watch.open()
                began = loop.time()
                stopping = asyncio.ensure_future(running.server.stop())
                assert await watch.ended_well()
                await stopping
                assert loop.time() - began < 3
        assert sum("Graceful stop successful" in line for line in running.lines) == 2

    asyncio.run(play())


@asynccontextmanager
async def waiting(admin: Channel, position: bytes, *entry_ids: str) -> AsyncIterator[Waiter]:
    async with ChangesStub(admin).Wait.open() as stream:
        request = change_pb2.WaitRequest(position=position, entry_ids=entry_ids)
        await stream.send_message(request, end=True)
        assert isinstance(stream, ClientStream)
        yield Waiter(stream)
        with suppress(GRPCError, Unavailable):
            await stream.cancel()


class Waiter:
    """The operator's end of one Wait."""

    def __init__(self, stream: ClientStream[change_pb2.WaitRequest, change_pb2.WaitResponse]) -> None:
        self._stream = stream

    async def next(self) -> change_pb2.WaitResponse:
        answer = await asyncio.wait_for(self._stream.recv_message(), 5)
        assert answer is not None
        return answer


def test_wait_tells_when_a_watching_agent_has_acknowledged(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent = await attest(running)
            async with watching(running, agent) as watch:
                await watch.acknowledge(await watch.open())
                position = await create(admin, entry_message("one", agent.id))
                async with waiting(admin, position, "one") as waiter:
                    before = await waiter.next()
                    assert [one.state for one in before.agents] == [State.PENDING]
                    assert not before.done
                    await watch.acknowledge(await watch.next())
                    after = await waiter.next()
                    assert [one.state for one in after.agents] == [State.READY]
                    assert after.done

    asyncio.run(play())


def test_an_agent_that_polls_has_it_once_it_fetched_entries_and_bundle(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent = await attest(running)
            position = await create(admin, entry_message("one", agent.id))
            async with running.remote(agent) as channel, waiting(admin, position, "one") as waiter:
                assert [one.state for one in (await waiter.next()).agents] == [State.PENDING]
                await unary(EntryStub(channel).GetAuthorizedEntries, entry_pb2.GetAuthorizedEntriesRequest())
                await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())
                after = await waiter.next()
                assert [one.state for one in after.agents] == [State.DELIVERED]
                assert after.done

    asyncio.run(play())


def test_an_agent_that_has_the_entry_signed_has_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            agent = await attest(running)
            position = await create(admin, entry_message("one", agent.id))
            async with running.remote(agent) as channel, waiting(admin, position, "one") as waiter:
                await waiter.next()
                param = svid_pb2.NewX509SVIDParams(entry_id="one", csr=csr.create(new_key()))
                request = svid_pb2.BatchNewX509SVIDRequest(params=[param])
                await unary(SVIDStub(channel).BatchNewX509SVID, request)
                assert [one.state for one in (await waiter.next()).agents] == [State.DELIVERED]

    asyncio.run(play())


def test_an_entry_that_nobody_may_hold_names_the_parent_that_is_missing(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            nowhere = SpiffeId.parse("spiffe://example.org/nowhere")
            between = SpiffeId.parse("spiffe://example.org/one")
            position = await create(admin, entry_message("one", nowhere), entry_message("two", between))
            async with waiting(admin, position, "two") as waiter:
                answer = await waiter.next()
            assert answer.done
            assert list(answer.nobody_entry_ids) == ["two"]
            assert answer.nobody_reasons[0].missing_parent.path == "/nowhere"

    asyncio.run(play())


def test_a_position_of_another_history_is_refused(tmp_path: Path) -> None:
    async def play() -> None:
        async with server(tmp_path) as running, running.admin() as admin:
            position = await create(admin, entry_message("one", SpiffeId.parse("spiffe://example.org/n")))
            async with waiting(admin, bytes(16) + position[16:]) as waiter:
                with pytest.raises(GRPCError, match="position of another history") as refusal:
                    await waiter.next()
            assert refusal.value.status is Status.FAILED_PRECONDITION

    asyncio.run(play())
