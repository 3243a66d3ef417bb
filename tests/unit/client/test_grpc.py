from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from finial.client import authorize, grpc
from finial.errors import Unavailable
from finial.runtime.grpc import Channel, GRPCError, Server, draining, unary
from finial.testing.ca import TestCa
from finial.testing.loops import Run, each_loop
from finial.testing.workload import Workload, workloads
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase, HealthStub
from finial.wire.pb.grpc.health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

PAYMENT = authorize.one_of("spiffe://example.org/payment")
MEMBERS = authorize.member_of("example.org")
CA = TestCa()
ASK = HealthCheckRequest()


class Doorman(HealthBase):
    """Notes who calls; a watch lasts until its connection wants to end."""

    def __init__(self) -> None:
        self.callers: list[str] = []
        self.watched = asyncio.Event()

    async def Check(self, stream: Any) -> None:
        await stream.recv_message()
        self.callers.append(str(grpc.caller(stream)))
        await stream.send_message(HealthCheckResponse(status=HealthCheckResponse.SERVING))

    async def Watch(self, stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(HealthCheckResponse())
        self.watched.set()
        await draining(stream).wait()

    async def List(self, stream: Any) -> None:
        await stream.recv_message()


@asynccontextmanager
async def pair(
    folder: Path, server: str = "/payment"
) -> AsyncIterator[tuple[Workload, Workload, Doorman, Any]]:
    async with workloads(folder, (CA, server), (CA, "/web")) as (payment, web):
        doorman = Doorman()
        async with grpc.serve([doorman], payment.source, MEMBERS) as running:
            yield payment, web, doorman, running


async def changed(workload: Workload, *federated: TestCa) -> None:
    """A fresh SVID, with these bundles beside the own, has arrived."""
    waiting = asyncio.ensure_future(workload.source.wait_changed())
    await asyncio.sleep(0)
    workload.api.serve(CA, str(workload.source.id).removeprefix("spiffe://example.org"), federated=federated)
    await waiting


@each_loop
def test_a_call_is_made_and_known_by_id(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (_, web, doorman, server):
            async with grpc.channel("127.0.0.1", server.port, web.source, PAYMENT) as channel:
                answer = await unary(HealthStub(channel).Check, ASK)
                assert answer.status == HealthCheckResponse.SERVING
            assert doorman.callers == ["spiffe://example.org/web"]

    run(scenario())


@each_loop
def test_an_impostor_is_refused_with_the_reason(tmp_path: Path, run: Run) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, "/impostor") as (_, web, doorman, server):
            async with grpc.channel("127.0.0.1", server.port, web.source, PAYMENT) as channel:
                with pytest.raises(Unavailable, match='unexpected ID "spiffe://example.org/impostor"'):
                    await unary(HealthStub(channel).Check, ASK)
            assert doorman.callers == []

    run(scenario())


def test_a_caller_that_is_not_allowed_gets_no_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with workloads(tmp_path, (CA, "/payment"), (TestCa(), "/web")) as (payment, stranger):
            doorman = Doorman()
            async with grpc.serve([doorman], payment.source, MEMBERS) as server:
                trusting = authorize.any_id()
                async with grpc.channel("127.0.0.1", server.port, stranger.source, trusting) as channel:
                    with pytest.raises((Unavailable, GRPCError)):
                        await unary(HealthStub(channel).Check, ASK)
            assert doorman.callers == []

    asyncio.run(scenario())


def test_a_channel_dials_anew_after_a_change(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (_, web, doorman, server):
            async with grpc.channel("127.0.0.1", server.port, web.source, PAYMENT) as channel:
                stub = HealthStub(channel)
                await unary(stub.Check, ASK)
                await unary(stub.Check, ASK)
                assert channel.dialled == 1
                await changed(web)
                await unary(stub.Check, ASK)
                assert channel.dialled == 2
                assert len(doorman.callers) == 3

    asyncio.run(scenario())


def test_a_dial_that_a_change_overtakes_is_not_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (_, web, _, server):
            async with grpc.channel("127.0.0.1", server.port, web.source, PAYMENT) as channel:
                assert isinstance(channel, grpc.FollowingChannel)
                call = asyncio.ensure_future(unary(HealthStub(channel).Check, ASK))
                while not channel.dialled:  # noqa: ASYNC110 - a turn or two
                    await asyncio.sleep(0)
                context = channel._context
                context.set(context._current.material)
                await call
                await unary(HealthStub(channel).Check, ASK)
                made = await channel.__connect__()
                assert grpc.generation_of(made) == context.generation
                assert channel.dialled == 2

    asyncio.run(scenario())


def test_a_server_lets_its_callers_go_when_bundles_change_and_only_then(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (payment, web, doorman, server):
            async with grpc.channel("127.0.0.1", server.port, web.source, PAYMENT) as channel:
                stub = HealthStub(channel)
                async with stub.Watch.open() as watch:
                    await watch.send_message(ASK, end=True)
                    await doorman.watched.wait()
                    await changed(payment)
                    await unary(stub.Check, ASK)
                    assert server.stats.drained == 0
                    await changed(payment, TestCa("partner.test"))
                    assert len([one async for one in watch]) == 1  # it ended well
                await unary(stub.Check, ASK)
                assert channel.dialled == 2

    asyncio.run(scenario())


def test_a_connection_that_proves_nobody_has_no_caller() -> None:
    async def scenario() -> None:
        async with Server([Doorman()]) as server:
            await server.start("127.0.0.1", 0)
            async with Channel("127.0.0.1", server.addresses[0][1]) as channel:
                with pytest.raises(GRPCError, match="carries no SPIFFE ID"):
                    await unary(HealthStub(channel).Check, ASK)

    asyncio.run(scenario())
