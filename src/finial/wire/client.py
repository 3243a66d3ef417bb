"""A server's API as commands, agents and tools call it: generated stubs over one channel.

Every call raises our error kinds only, a denial with its reason. Connections are made by the first call
that needs one. Works against a stock SPIRE server too, but for `wait`, `status` and `configuration`.
"""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from grpclib.client import ServiceMethod

from finial.runtime.grpc import Channel, ClientStream, GRPCError, unary_with_trailers
from finial.wire.metadata import POSITION, WARNINGS
from finial.wire.status import DetailsCodec, from_grpc_error

if TYPE_CHECKING:
    from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
    from finial.wire.pb.finial.change.v1.change_pb2 import WaitRequest, WaitResponse
    from finial.wire.pb.finial.configuration.v1.configuration_grpc import ConfigurationStub
    from finial.wire.pb.finial.status.v1.status_grpc import StatusStub
    from finial.wire.pb.grpc.health.v1.health_grpc import HealthStub
    from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
    from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
    from finial.wire.pb.spire.api.server.debug.v1.debug_grpc import DebugStub
    from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
    from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub
    from finial.wire.pb.spire.api.server.logger.v1.logger_grpc import LoggerStub
    from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
    from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_grpc import TrustDomainStub

Req = TypeVar("Req")
Res = TypeVar("Res")


class ServerChannel(Channel):
    """A channel whose calls, single and streaming, raise our error kinds instead of GRPCError."""

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        path: str | None = None,
        ssl: ssl_module.SSLContext | None = None,
    ) -> None:
        super().__init__(host, port, path=path, ssl=ssl, details_codec=DetailsCodec())

    def request(self, *arguments: Any, **options: Any) -> ClientStream[Any, Any]:
        made = super().request(*arguments, **options)
        made.__class__ = _Translating
        return made


class ServerApi:
    """One stub per service, made when it is first asked for: a command pays for what it calls."""

    def __init__(self, channel: ServerChannel) -> None:
        self.channel = channel

    @classmethod
    def at(cls, socket_path: str) -> Self:
        """Over a Unix socket, as an administrator of this machine. Inside a running loop."""
        return cls(ServerChannel(path=socket_path))

    @classmethod
    def to(cls, host: str, port: int, ssl: ssl_module.SSLContext) -> Self:
        """Over TLS, as whom the context says. Inside a running loop."""
        return cls(ServerChannel(host, port, ssl=ssl))

    async def with_position(self, method: ServiceMethod[Req, Res], request: Req) -> tuple[Res, bytes]:
        """The answer of a call that changes something, and the position at which the change is in force;
        empty from a server that has none (a stock SPIRE)."""
        answer, position, _ = await self.with_warnings(method, request)
        return answer, position

    async def with_warnings(
        self, method: ServiceMethod[Req, Res], request: Req
    ) -> tuple[Res, bytes, tuple[str, ...]]:
        """The same, with what the server has to say of it."""
        answer, trailers = await unary_with_trailers(method, request)
        position, warnings = trailers.get(POSITION, b""), trailers.get(WARNINGS, b"")
        lines = warnings.decode(errors="replace").splitlines() if isinstance(warnings, bytes) else []
        return answer, position if isinstance(position, bytes) else b"", tuple(lines)

    async def wait(self, request: WaitRequest) -> AsyncIterator[WaitResponse]:
        """Each time agents' states move, until `done`. Raises: Unsupported from a stock SPIRE."""
        async with self.changes.Wait.open() as stream:
            await stream.send_message(request, end=True)
            async for answer in stream:
                yield answer

    @cached_property
    def agent(self) -> AgentStub:
        from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub

        return AgentStub(self.channel)

    @cached_property
    def bundle(self) -> BundleStub:
        from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub

        return BundleStub(self.channel)

    @cached_property
    def changes(self) -> ChangesStub:
        from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub

        return ChangesStub(self.channel)

    @cached_property
    def configuration(self) -> ConfigurationStub:
        from finial.wire.pb.finial.configuration.v1.configuration_grpc import ConfigurationStub

        return ConfigurationStub(self.channel)

    @cached_property
    def status(self) -> StatusStub:
        from finial.wire.pb.finial.status.v1.status_grpc import StatusStub

        return StatusStub(self.channel)

    @cached_property
    def debug(self) -> DebugStub:
        from finial.wire.pb.spire.api.server.debug.v1.debug_grpc import DebugStub

        return DebugStub(self.channel)

    @cached_property
    def entry(self) -> EntryStub:
        from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub

        return EntryStub(self.channel)

    @cached_property
    def health(self) -> HealthStub:
        from finial.wire.pb.grpc.health.v1.health_grpc import HealthStub

        return HealthStub(self.channel)

    @cached_property
    def local_authority(self) -> LocalAuthorityStub:
        from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub

        return LocalAuthorityStub(self.channel)

    @cached_property
    def logger(self) -> LoggerStub:
        from finial.wire.pb.spire.api.server.logger.v1.logger_grpc import LoggerStub

        return LoggerStub(self.channel)

    @cached_property
    def svid(self) -> SVIDStub:
        from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub

        return SVIDStub(self.channel)

    @cached_property
    def trust_domain(self) -> TrustDomainStub:
        from finial.wire.pb.spire.api.server.trustdomain.v1.trustdomain_grpc import TrustDomainStub

        return TrustDomainStub(self.channel)

    async def close(self) -> None:
        """Ends calls under way, and waits for a dial under way to end."""
        await self.channel.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except GRPCError as error:
        raise from_grpc_error(error) from error


class _Translating(ClientStream[Req, Res], Generic[Req, Res]):
    """Each place where a server's status may come to light."""

    async def send_request(self, *, end: bool = False) -> None:
        with _translated():
            await super().send_request(end=end)

    async def send_message(self, message: Req, *, end: bool = False) -> None:
        with _translated():
            await super().send_message(message, end=end)

    async def recv_initial_metadata(self) -> None:
        with _translated():
            await super().recv_initial_metadata()

    async def recv_message(self) -> Res | None:
        with _translated():
            message = await super().recv_message()
            if message is None and self._cardinality.client_streaming:
                await self._ended_by_server()
            return message

    async def _ended_by_server(self) -> None:
        """Its status is read now: grpclib would first want an end of our sending, to which nobody listens."""
        self._end_done = True
        if not self._recv_trailing_metadata_done:
            await self.recv_trailing_metadata()

    async def recv_trailing_metadata(self) -> None:
        with _translated():
            await super().recv_trailing_metadata()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _translated():
            await super().__aexit__(kind, error, trace)
