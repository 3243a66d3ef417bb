"""gRPC over our TLS and our accept loop: who is called, who calls, and what a failed handshake leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpclib.const import Cardinality, Handler

from finial.errors import FinialError, PermissionDenied
from finial.runtime.grpc import Channel, Server, connection_of
from finial.runtime.peer import Peer
from finial.runtime.sockets import Listener, listen_tcp, listen_unix
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext, Material, peer_id
from finial.spiffe.id import SpiffeId
from finial.testing.ca import Issued, TestCa
from finial.testing.tls_server import LOOPS, run

pytestmark = [pytest.mark.interop, pytest.mark.slow]
OURS = TestCa()
SERVER, CLIENT = OURS.leaf("/server"), OURS.leaf("/client")
TRUST = {"example.org": (OURS.der,)}
METHOD = "/probe.Probe/Who"


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Probe:
    """Answers who the caller is."""

    async def who(self, stream: Any) -> None:
        await stream.recv_message()
        connection = connection_of(stream)
        if isinstance(connection.peer, Peer):
            connection.peer.check()
            name = f"pid {connection.peer.pid}"
        else:
            name = str(peer_id(connection.ssl_object))
        await stream.send_message(StringValue(value=name))

    def __mapping__(self) -> dict[str, Handler]:
        return {METHOD: Handler(self.who, Cardinality.UNARY_UNARY, StringValue, StringValue)}


def only_the_server(found: SpiffeId) -> None:
    if str(found) != "spiffe://example.org/server":
        raise PermissionDenied(f'unexpected ID "{found}"')


def client_context(svid: Issued = CLIENT) -> FollowingContext:
    return FollowingContext(Material(TRUST, svid.chain, svid.key), only_the_server)


@contextlib.asynccontextmanager
async def grpc_server(svid: Issued) -> AsyncIterator[tuple[Server, Listener]]:
    context = FollowingContext(Material(TRUST, svid.chain, svid.key), lambda _: None, server_side=True)
    async with Tasks() as tasks, Server([Probe()]) as server:
        listener = Listener(listen_tcp("127.0.0.1", 0), server.protocol, tasks, context=context)
        try:
            yield server, listener
        finally:
            listener.close()


async def ask(channel: Channel) -> str:
    async with channel.request(METHOD, Cardinality.UNARY_UNARY, StringValue, StringValue) as stream:
        await stream.send_message(StringValue(), end=True)
        reply = await stream.recv_message()
        assert reply is not None
        return reply.value


def test_both_ends_know_each_other(loop: str) -> None:
    async def scenario() -> None:
        async with grpc_server(SERVER) as (_, listener):
            channel = Channel("127.0.0.1", listener.address[1], ssl=client_context())
            assert await ask(channel) == "spiffe://example.org/client"
            channel.close()

    run(loop, scenario())


def test_other_workload_posing_as_the_server_is_refused(loop: str) -> None:
    async def scenario() -> None:
        async with grpc_server(OURS.leaf("/other")) as (_, listener):
            channel = Channel("127.0.0.1", listener.address[1], ssl=client_context())
            with pytest.raises((FinialError, OSError), match='unexpected ID "spiffe://example.org/other"'):
                await ask(channel)
            channel.close()

    run(loop, scenario())


def test_failed_handshake_leaves_no_connection_behind(loop: str) -> None:
    async def scenario() -> None:
        async with grpc_server(SERVER) as (server, listener):
            channel = Channel("127.0.0.1", listener.address[1], ssl=client_context(TestCa().leaf("/client")))
            with pytest.raises((FinialError, OSError)):
                await ask(channel)
            channel.close()
            while not listener.refused:  # noqa: ASYNC110 - the peer's end is waited for
                await asyncio.sleep(0.001)
            assert server.connections == 0

    run(loop, scenario())


def test_client_without_alpn_reads_the_end_and_nothing_else(loop: str) -> None:
    async def scenario() -> None:
        async with grpc_server(SERVER) as (server, listener):
            context = client_context()
            context.set(replace(context.material, alpn=()))
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.address[1], ssl=context)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.transport.abort()
            while server.connections:  # noqa: ASYNC110 - the peer's end is waited for
                await asyncio.sleep(0.001)

    run(loop, scenario())


def test_caller_of_a_unix_socket_is_pinned_and_given_back(loop: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "api.sock"
        async with Tasks() as tasks, Server([Probe()]) as server:
            listener = Listener(listen_unix(path), server.protocol, tasks)
            channel = Channel(path=str(path))
            assert await ask(channel) == f"pid {os.getpid()}"
            assert listener.by_uid.total() == 1
            channel.close()
            while listener.by_uid:  # noqa: ASYNC110 - the peer's end is waited for
                await asyncio.sleep(0.001)
            listener.close()

    run(loop, scenario())
