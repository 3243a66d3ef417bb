"""A server's API over a real Unix socket: stubs, errors, positions, waiting."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from grpclib.server import Stream

from finial.errors import Denial, FailedPrecondition, FinialError, NotFound, PermissionDenied, Unavailable
from finial.runtime.grpc import UNIX, Server, add_trailer
from finial.testing.ca import TestCa
from finial.wire.client import ServerApi
from finial.wire.metadata import POSITION
from finial.wire.pb.finial.change.v1 import change_pb2 as change
from finial.wire.pb.finial.change.v1.change_grpc import ChangesBase
from finial.wire.pb.grpc.health.v1 import health_pb2 as health
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import CountEntriesRequest
from finial.wire.status import to_grpc_error

STUBS = (
    "agent", "bundle", "changes", "debug", "entry", "health", "local_authority", "logger", "svid", "trust_domain",
)  # fmt: skip


class Changes(ChangesBase):
    async def Watch(self, stream: Stream[change.WatchRequest, change.WatchResponse]) -> None:
        async for request in stream:
            if request.HasField("open"):
                raise PermissionDenied("agent is banned", reason=Denial.AGENT_BANNED)
            await stream.send_message(change.WatchResponse(position=request.acknowledge.position))

    async def Wait(self, stream: Stream[change.WaitRequest, change.WaitResponse]) -> None:
        request = await stream.recv_message()
        assert request is not None
        if request.position == b"other":
            raise FailedPrecondition("position of another history")
        await stream.send_message(change.WaitResponse(nobody_entry_ids=request.entry_ids))
        await stream.send_message(change.WaitResponse(done=True))


class Health(HealthBase):
    """Answers what each test needs."""

    async def Check(self, stream: Stream[health.HealthCheckRequest, health.HealthCheckResponse]) -> None:
        request = await stream.recv_message()
        assert request is not None
        if request.service == "unknown":
            raise NotFound("service unknown")
        if request.service == "position":
            add_trailer(stream, POSITION, b"\x00\xff")
        await stream.send_message(health.HealthCheckResponse(status=health.HealthCheckResponse.SERVING))

    async def List(self, stream: Stream[health.HealthListRequest, health.HealthListResponse]) -> None:
        raise PermissionDenied("no", reason=Denial.AGENT_MUST_REATTEST)

    async def Watch(self, stream: Stream[health.HealthCheckRequest, health.HealthCheckResponse]) -> None:
        raise NotFound("service unknown")


def serve(folder: Path, call: Callable[[ServerApi], Awaitable[None]]) -> None:
    """Run `call` against a server of the two services above."""

    async def both() -> None:
        path = str(folder / "api.sock")
        server = Server([Changes(), Health()], UNIX, to_status=to_grpc_error)
        await server.start(path=path)
        try:
            async with ServerApi.at(path) as api:
                await call(api)
        finally:
            await server.close()

    asyncio.run(both())


def check(service: str) -> health.HealthCheckRequest:
    return health.HealthCheckRequest(service=service)


def test_call_is_answered(tmp_path: Path) -> None:
    async def call(api: ServerApi) -> None:
        answer = await api.health.Check(check(""))
        assert answer.status == health.HealthCheckResponse.SERVING

    serve(tmp_path, call)


def test_refused_call_raises_its_kind(tmp_path: Path) -> None:
    async def call(api: ServerApi) -> None:
        with pytest.raises(NotFound, match=r"^service unknown$"):
            await api.health.Check(check("unknown"))

    serve(tmp_path, call)


def test_denied_call_tells_the_reason(tmp_path: Path) -> None:
    async def call(api: ServerApi) -> None:
        with pytest.raises(PermissionDenied) as found:
            await api.health.List(health.HealthListRequest())
        assert found.value.reason is Denial.AGENT_MUST_REATTEST

    serve(tmp_path, call)


def test_stream_that_the_server_ends_tells_the_reason_after_its_messages(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def watch(api: ServerApi) -> None:
        async with api.changes.Watch.open() as stream:
            await stream.send_message(change.WatchRequest(acknowledge=change.Acknowledge(position=b"1")))
            await stream.send_message(change.WatchRequest(open=change.Open()))
            async for one in stream:
                seen.append(one.position)

    async def call(api: ServerApi) -> None:
        with pytest.raises(PermissionDenied, match=r"^agent is banned$") as found:
            await watch(api)
        assert found.value.reason is Denial.AGENT_BANNED

    serve(tmp_path, call)
    assert seen == [b"1"]


def test_service_that_the_server_lacks_raises_a_kind(tmp_path: Path) -> None:
    async def call(api: ServerApi) -> None:
        with pytest.raises(FinialError):
            await api.entry.CountEntries(CountEntriesRequest())

    serve(tmp_path, call)


@pytest.mark.parametrize(("service", "position"), [("position", b"\x00\xff"), ("", b"")])
def test_position_of_a_change_comes_with_its_answer(tmp_path: Path, service: str, position: bytes) -> None:
    async def call(api: ServerApi) -> None:
        answer, found = await api.with_position(api.health.Check, check(service))
        assert answer.status == health.HealthCheckResponse.SERVING
        assert found == position

    serve(tmp_path, call)


def test_waiting_yields_until_done(tmp_path: Path) -> None:
    async def call(api: ServerApi) -> None:
        answers = [one async for one in api.wait(change.WaitRequest(entry_ids=["e1"]))]
        assert answers == [change.WaitResponse(nobody_entry_ids=["e1"]), change.WaitResponse(done=True)]

    serve(tmp_path, call)


def test_waiting_for_another_history_is_refused(tmp_path: Path) -> None:
    async def call(api: ServerApi) -> None:
        with pytest.raises(FailedPrecondition, match=r"^position of another history$"):
            async for _ in api.wait(change.WaitRequest(position=b"other")):
                pass

    serve(tmp_path, call)


def test_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async def call() -> None:
        async with ServerApi.at(str(tmp_path / "nobody.sock")) as api:
            with pytest.raises(Unavailable, match="no such file"):
                await api.health.Check(check(""))

    asyncio.run(call())


def test_call_over_tls_is_answered(tmp_path: Path) -> None:
    root = TestCa()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(*root.leaf("/spire/server").write(tmp_path, "server"))
    calling = ssl.create_default_context(cafile=str(root.write(tmp_path / "root.pem")))
    calling.check_hostname = False
    for context in (serving, calling):
        context.set_alpn_protocols(["h2"])

    async def call() -> None:
        async with Server([Health()], UNIX, to_status=to_grpc_error) as server:
            await server.start("127.0.0.1", 0, ssl=serving)
            async with ServerApi.to("127.0.0.1", server.addresses[0][1], calling) as api:
                answer = await api.health.Check(check(""))
        assert answer.status == health.HealthCheckResponse.SERVING

    asyncio.run(call())


def test_stub_is_made_once(tmp_path: Path) -> None:
    async def call() -> None:
        async with ServerApi.at(str(tmp_path / "nobody.sock")) as api:
            for name in STUBS:
                assert getattr(api, name) is getattr(api, name)

    asyncio.run(call())
