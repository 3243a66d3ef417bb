"""Every RPC by every class of caller, over real sockets, against what a stock server answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from google.protobuf.message import Message
from grpclib.client import StreamStreamMethod

from finial.errors import Denial
from finial.runtime.grpc import Channel, GRPCError, Handler, unary
from finial.server.api.access import RULES
from finial.server.api.unserved import Unserved
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.server import Identity, Running, attest, config_of, new_key, server
from finial.wire.convert.id import id_to_wire
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.finial.change.v1.change_grpc import ChangesBase
from finial.wire.pb.finial.configuration.v1.configuration_grpc import ConfigurationBase
from finial.wire.pb.finial.status.v1.status_grpc import StatusBase
from finial.wire.pb.grpc.health.v1.health_grpc import HealthBase
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentBase
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleBase
from finial.wire.pb.spire.api.server.debug.v1.debug_grpc import DebugBase
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryBase, EntryStub
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityBase
from finial.wire.pb.spire.api.server.logger.v1.logger_grpc import LoggerBase
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDBase, SVIDStub
from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_grpc import TrustDomainBase
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2
from finial.wire.pb.spire.api.types import status_pb2
from finial.wire.status import status_code_name

VECTORS = Path(__file__).parents[1] / "vectors" / "server-access.txt"
CALLERS = ("admin socket", "nobody", "workload", "agent", "admin", "downstream")
SERVICES = (AgentBase, BundleBase, EntryBase, SVIDBase, TrustDomainBase, LocalAuthorityBase)
LOCAL_SERVICES = (LoggerBase, DebugBase, HealthBase)
OWN_SERVICES = (ChangesBase, ConfigurationBase, StatusBase)
METHODS: Mapping[str, Handler] = Unserved(*SERVICES, *LOCAL_SERVICES, *OWN_SERVICES).__mapping__()
RELOAD = "/finial.configuration.v1.Configuration/Reload"
NOT_SERVED = {"SVID/NewDownstreamX509CA", "SVID/BatchNewWITSVID"}
NOT_SERVED_SERVICES = ("TrustDomain/",)


def rows() -> list[tuple[str, str, str]]:
    """Method, how each caller fares, the answer to those let in."""
    lines = [line for line in VECTORS.read_text().splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split()[1], line.split(maxsplit=2)[2]) for line in lines]


def path_of(method: str) -> str:
    (path,) = [one for one in METHODS if one.endswith("." + method)]
    return path


async def outcome(channel: Channel, path: str) -> str:
    """`d`, `n`, `u`, or how a call that was let in ended."""
    handler = METHODS[path]
    method: StreamStreamMethod[Message, Message] = StreamStreamMethod(
        channel, path, handler.request_type, handler.reply_type
    )
    try:
        async with method.open(timeout=10) as stream:
            await stream.send_message(handler.request_type(), end=True)
            while await stream.recv_message() is not None:
                pass
            await stream.recv_trailing_metadata()
    except GRPCError as refusal:
        return _named(refusal, path)
    return "OK"


def _named(refusal: GRPCError, path: str) -> str:
    service = path.split("/")[1]
    if refusal.message == f"authorization denied for method {path}":
        details = list(refusal.details or ())
        if not details:
            return "d"
        assert isinstance(details[0], status_pb2.PermissionDeniedDetails)
        return "n" if Denial(details[0].reason) is Denial.AGENT_NOT_ATTESTED else "another denial"
    if refusal.message == f"unknown service {service}":
        return "u"
    return f"{status_code_name(refusal.status.value)}: {refusal.message}"


async def minted(running: Running, path: str) -> Identity:
    key = new_key()
    request = svid_pb2.MintX509SVIDRequest(csr=csr.create(key, SpiffeId.parse("spiffe://example.org" + path)))
    async with running.admin() as channel:
        answer = await unary(SVIDStub(channel).MintX509SVID, request)
    return Identity(x509_svid_from_wire(answer.svid), key)


async def register(running: Running) -> None:
    node = id_to_wire(SpiffeId.parse("spiffe://example.org/node"))
    messages = [
        types_pb2.Entry(
            spiffe_id=id_to_wire(SpiffeId.parse(f"spiffe://example.org/{name}")),
            parent_id=node,
            admin=name == "admin",
            downstream=name == "downstream",
        )
        for name in ("admin", "downstream")
    ]
    for message in messages:
        message.selectors.add(type="a", value="b")
    async with running.admin() as channel:
        await unary(EntryStub(channel).BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=messages))


@asynccontextmanager
async def callers(running: Running) -> AsyncIterator[dict[str, Channel]]:
    await register(running)
    identities = {
        "nobody": None,
        "workload": await minted(running, "/workload"),
        "agent": await attest(running),
        "admin": await minted(running, "/admin"),
        "downstream": await minted(running, "/downstream"),
    }
    async with AsyncExitStack() as stack:
        channels = {"admin socket": await stack.enter_async_context(running.admin())}
        for name, identity in identities.items():
            channels[name] = await stack.enter_async_context(running.remote(identity))
        yield channels


@pytest.mark.slow
def test_each_caller_is_answered_as_by_a_stock_server(tmp_path: Path) -> None:
    async def play() -> dict[str, tuple[str, str]]:
        wrong: dict[str, tuple[str, str]] = {}
        async with server(tmp_path) as running, callers(running) as channels:
            for method, marks, answer in rows():
                for caller, mark in zip(CALLERS, marks, strict=True):
                    got = await outcome(channels[caller], path_of(method))
                    if not fits(method, mark, answer, got):
                        wrong[f"{method} by {caller}"] = (mark if mark != "." else answer, got)
        return wrong

    assert asyncio.run(play()) == {}


@pytest.mark.slow
def test_a_reload_is_for_the_admin_socket_alone(tmp_path: Path) -> None:
    async def play() -> dict[str, str]:
        read = partial(config_of, tmp_path)
        async with server(tmp_path, read=read) as running, callers(running) as channels:
            return {caller: await outcome(channel, RELOAD) for caller, channel in channels.items()}

    assert asyncio.run(play()) == dict.fromkeys(CALLERS, "u") | {"admin socket": "OK"}


def fits(method: str, mark: str, answer: str, got: str) -> bool:
    if mark != ".":
        return got == mark
    if method in NOT_SERVED or method.startswith(NOT_SERVED_SERVICES):
        return got.startswith("Unimplemented: ")
    return got == answer


def test_a_certificate_of_an_unknown_authority_makes_no_connection(tmp_path: Path) -> None:
    async def play() -> str:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        async with server(tmp_path / "a") as running, server(tmp_path / "b") as other:
            stranger = await minted(other, "/workload")
            async with running.remote(stranger) as channel:
                with pytest.raises(Exception) as refusal:
                    await outcome(channel, path_of("Bundle/GetBundle"))
        return type(refusal.value).__name__

    assert asyncio.run(play()) == "Unavailable"


def test_the_table_names_every_method_and_no_other() -> None:
    assert set(RULES) == set(METHODS)
