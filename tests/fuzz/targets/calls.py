"""Every method of a whole server, called by an administrator and by an agent, and of an agent by a workload: whatever is
in a request, there is an answer or an error that somebody thought of."""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.message import DecodeError, Message
from tests.fuzz.live import Live, Method, Started, methods
from tests.fuzz.mutate.message import by_message
from tests.fuzz.target import target
from tests.fuzz.targets.credentials import EXAMPLE, KEY, NOW, leaf, requests
from tests.fuzz.targets.messages import blobs, examples

from finial.registry.entry import Entry
from finial.runtime.grpc import Channel
from finial.runtime.log import Level
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid import csr
from finial.testing.agent import RunningAgent
from finial.testing.scripted_server import ScriptedServer
from finial.testing.server import attest, server
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.spiffe.workload import workload_pb2
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub
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


def methods_of(channel: object) -> list[Method]:
    return methods(channel, STUBS)


KINDS: list[type[Message]] = [one.request_type for one in methods_of(None)]
WORKLOAD_KINDS: list[type[Message]] = [one.request_type for one in methods(None, [SpiffeWorkloadAPIStub])]


async def start_server(stack: AsyncExitStack) -> Started:
    running = await stack.enter_async_context(server(Path(stack.enter_context(TemporaryDirectory()))))
    identity = await attest(running)
    channels = [
        await stack.enter_async_context(running.admin()),
        await stack.enter_async_context(running.remote(identity)),
    ]

    def before() -> None:
        running.server.output.level = Level.ERROR  # a call may have changed it

    return Started(running.log, [methods_of(one) for one in channels], before=before)


async def start_agent(stack: AsyncExitStack) -> Started:
    """With an entry for the caller."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    above = await stack.enter_async_context(ScriptedServer())
    made = RunningAgent(folder, above.address, above.bundle, above.new_token())
    agent = await stack.enter_async_context(made)
    await agent.serving()
    own = Selector("unix", f"uid:{os.geteuid()}")
    above.entries["web"] = Entry(
        "web", SpiffeId(EXAMPLE, "/web"), SpiffeId(EXAMPLE, agent.agent_path), (own,)
    )
    await agent.until_logged("entry_id=web")
    channel = await stack.enter_async_context(Channel(path=str(agent.socket)))
    return Started(agent.text, [methods(channel, [SpiffeWorkloadAPIStub])], {"workload.spiffe.io": "true"})


live = Live(start_server)
live_agent = Live(start_agent)


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


def by_workload_call(data: bytes, chance: random.Random) -> bytes:
    head = data[:1] or b"\0" if chance.random() < 0.9 else chance.randbytes(1)
    return head + by_message(WORKLOAD_KINDS[head[0] % len(WORKLOAD_KINDS)])(data[1:], chance)


def workload_calls() -> Iterable[bytes]:
    for number, kind in enumerate(WORKLOAD_KINDS):
        yield bytes([number]) + kind().SerializeToString()
    number = WORKLOAD_KINDS.index(workload_pb2.ValidateJWTSVIDRequest)
    token = KEY.sign("spiffe://example.org/web", ["a"], NOW)
    yield bytes([number]) + workload_pb2.ValidateJWTSVIDRequest(audience="a", svid=token).SerializeToString()
    number = WORKLOAD_KINDS.index(workload_pb2.JWTSVIDRequest)
    yield bytes([number]) + workload_pb2.JWTSVIDRequest(audience=["a", "b"]).SerializeToString()


@target("workload-calls", reads=("agent/workload_api.py",), made=workload_calls, mutate=by_workload_call,
        errors=(DecodeError,), cpu=20.0, memory=128 << 20, end=live_agent.end)  # fmt: skip
def call_agent(data: bytes) -> None:
    """The method's place, and the request of a program that may be anybody's on this machine."""
    if not data:
        return
    number = data[0] % len(WORKLOAD_KINDS)
    request = WORKLOAD_KINDS[number]()
    request.ParseFromString(data[1:])
    log = live_agent.call(0, number, request)
    assert "Call of a workload failed" not in log, log
