"""Every method of a whole server, called by an administrator and by an agent: whatever is in a request, there is an answer
or an error that somebody thought of, and never "Failed unexpectedly" in the log."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.protobuf.message import DecodeError, Message
from grpclib.client import StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import GRPCError
from tests.fuzz.mutate.message import by_message
from tests.fuzz.target import target
from tests.fuzz.targets.credentials import leaf, requests
from tests.fuzz.targets.messages import blobs, examples

from finial.errors import FinialError
from finial.runtime.grpc import Channel
from finial.runtime.log import Level
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.server import Running, attest, server
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.debug.v1.debug_grpc import DebugStub
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub
from finial.wire.pb.spire.api.server.logger.v1.logger_grpc import LoggerStub
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_grpc import TrustDomainStub

STUBS = (
    AgentStub,
    BundleStub,
    DebugStub,
    EntryStub,
    LocalAuthorityStub,
    LoggerStub,
    SVIDStub,
    TrustDomainStub,
    ChangesStub,
)
CALLS = 400  # of one server; then another begins, since a call may ban the agent or fill the store
PATIENCE = 0.2  # seconds, for the first message of a stream
Method = UnaryUnaryMethod[Any, Any] | StreamStreamMethod[Any, Any] | UnaryStreamMethod[Any, Any]


def methods(channel: Any) -> list[Method]:
    """In a fixed order: an input names one by its place."""
    found = [one for stub in STUBS for one in vars(stub(channel)).values()]
    return sorted(found, key=lambda one: str(one.name))


KINDS: list[type[Message]] = [one.request_type for one in methods(None)]


class Live:
    """A server in a loop of its own, and both callers."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()
        self._left = 0
        self.running: Running
        self._callers: list[list[Method]]

    async def _begin(self) -> None:
        await self._stack.aclose()
        folder = Path(self._stack.enter_context(TemporaryDirectory()))
        self.running = await self._stack.enter_async_context(server(folder))
        identity = await attest(self.running)
        channels: list[Channel] = [
            await self._stack.enter_async_context(self.running.admin()),
            await self._stack.enter_async_context(self.running.remote(identity)),
        ]
        self._callers = [methods(one) for one in channels]
        self._left = CALLS

    def call(self, caller: int, number: int, request: Message) -> str:
        """What the server logged meanwhile. Raises: what the call raises."""
        self._loop = self._loop or asyncio.new_event_loop()
        return self._loop.run_until_complete(self._call(caller, number, request))

    async def _call(self, caller: int, number: int, request: Message) -> str:
        if not self._left:
            await self._begin()
        self._left -= 1
        log = self.running.log
        log.seek(0)
        log.truncate()
        self.running.server.output.level = Level.ERROR
        method = self._callers[caller % 2][number]
        try:
            async with (
                asyncio.timeout(PATIENCE if "Stream" in type(method).__name__ else None),
                method.open() as stream,
            ):
                await stream.send_message(request, end=True)
                await stream.recv_message()
        except (FinialError, GRPCError, TimeoutError):
            pass  # an answer, too
        return log.getvalue()

    def end(self) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(self._stack.aclose())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
        self._loop, self._left = None, 0


live = Live()


@functools.cache
def named_request() -> bytes:
    return csr.create(leaf().private_key, SpiffeId.parse("spiffe://example.org/web"))


def by_call(data: bytes, chance: random.Random) -> bytes:
    """Another message for the method; now and then another method or caller."""
    head = bytearray(data[:2].ljust(2, b"\0"))
    if chance.random() < 0.1:
        head[chance.randrange(2)] = chance.randrange(256)
    certificates = (*blobs(), *requests(), named_request())
    return bytes(head) + by_message(KINDS[head[0] % len(KINDS)], lambda: certificates)(data[2:], chance)


def one_of_each() -> Iterable[bytes]:
    """With an example in each field that takes one."""
    for number, kind in enumerate(KINDS):
        for caller in range(2):
            message = kind()
            for field in kind.DESCRIPTOR.fields:
                example = next(
                    (one for one in examples().values() if one.DESCRIPTOR is field.message_type), None
                )
                if example is not None and field.is_repeated:
                    getattr(message, field.name).add().CopyFrom(example)
                elif example is not None:
                    getattr(message, field.name).CopyFrom(example)
            yield bytes([number, caller]) + message.SerializeToString()


@target(
    "api-calls",
    reads=("server/api/entry.py", "server/api/agent.py", "server/api/svid.py", "server/api/bundle.py", "server/api/federated.py",
           "server/api/localauthority.py", "server/api/change.py", "server/api/authorized.py"),
    made=one_of_each, mutate=by_call, errors=(DecodeError,), cpu=20.0, memory=128 << 20, end=live.end,
)  # fmt: skip
def call(data: bytes) -> None:
    """The method's place, the caller, and the request."""
    if len(data) < 2:
        return
    number = data[0] % len(KINDS)
    request = KINDS[number]()
    request.ParseFromString(data[2:])
    log = live.call(data[1], number, request)
    assert "Failed unexpectedly" not in log, log
