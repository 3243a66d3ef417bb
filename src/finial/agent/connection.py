"""The way to the server: TLS that trusts one SPIFFE ID, calls with a deadline, errors of our own kinds.

The server must show `spiffe://<trust domain>/spire/server`, signed by the bundle that is held now. The agent
shows its SVID once it has one. Both may change under a connection in use: calls under way finish where they
began, the next one gets a new connection. While the identity changes there are no calls at all: a server
forgets the old one in the midst of it, and would deny whoever still calls under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from grpclib.client import ServiceMethod

from finial.agent.identity import AgentIdentity
from finial.errors import FinialError, Internal, PermissionDenied
from finial.runtime.grpc import unary
from finial.runtime.metrics import Identity, ReaderContext
from finial.runtime.tls import Authorizer, FollowingContext, Material
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import X509Svid
from finial.wire.client import ServerApi
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.status import code_name

RPC_TIMEOUT = 30.0

Req = TypeVar("Req")
Res = TypeVar("Res")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    host: str
    port: int
    trust_domain: TrustDomain


class ServerConnection:
    """A channel with trust and identity that follow. Made inside a running loop; `aclose` it."""

    def __init__(self, server: ServerAddress, bundle: Bundle, identity: AgentIdentity | None = None) -> None:
        self.server = server
        self._bundle = bundle
        self._identity = identity
        self._context = FollowingContext(self._material(), only_server(server.trust_domain))
        self.api = ServerApi.to(server.host, server.port, self._context)
        self.generation = 0  # raised when the identity begins to change
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._admitting = asyncio.Event()
        self._admitting.set()
        self._renewed = asyncio.Event()
        self._told: list[ReaderContext] = []

    def tell(self, readers: ReaderContext) -> None:
        """Of trust and identity, now and whenever they change. There must be an identity."""
        self._told.append(readers)
        self._tell(readers)

    def trust(self, bundle: Bundle, now: datetime) -> None:
        """Trust these roots from the next call on.

        While the identity begins later, since the clock was set back, the connection in use stays: it is the one that
        the identity can be renewed over, a new one would not be let in.
        """
        changed = bundle.x509_authorities != self._bundle.x509_authorities
        self._bundle = bundle
        if not changed:
            return
        self._context.set(self._material())
        if self._identity is None or self._identity.svid.not_before <= now:
            self._renew()

    def show(self, identity: AgentIdentity) -> None:
        """Call as this agent from the next call on."""
        self._identity = identity
        self._context.set(self._material())
        self._renew()

    async def call(
        self, method: ServiceMethod[Req, Res], request: Req, *, timeout: float = RPC_TIMEOUT
    ) -> Res:
        """Raises: the kind that the server's status stands for; Unavailable, DeadlineExceeded."""
        async with self.using():
            return await unary(method, request, timeout=timeout)

    @asynccontextmanager
    async def using(self) -> AsyncIterator[None]:
        """Around a call: waits while the identity changes. Long streams go without: they end at `renewed`, and look
        at `generation` when they are denied."""
        await self._admitting.wait()
        self._calls += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Around a change of identity: begins when no call is under way, and holds the next ones back."""
        self._admitting.clear()
        self.generation += 1
        try:
            await self._idle.wait()
            yield
        finally:
            self._admitting.set()

    async def get_bundle(self) -> Bundle:
        """The server's own. Raises: as `call`; Internal for one that would lock this agent out."""
        answer = await self.call(self.api.bundle.GetBundle, bundle_pb2.GetBundleRequest())
        bundle = bundle_from_wire(answer)
        if bundle.trust_domain != self.server.trust_domain:
            raise Internal(f'server answered with the bundle of "{bundle.trust_domain}"')
        return require_roots(bundle)

    async def get_federated_bundle(self, trust_domain: TrustDomain) -> Bundle:
        """Raises: NotFound among others."""
        request = bundle_pb2.GetFederatedBundleRequest(trust_domain=trust_domain.name)
        return bundle_from_wire(await self.call(self.api.bundle.GetFederatedBundle, request))

    async def post_status(self, version: str) -> None:
        await self.call(self.api.agent.PostStatus, agent_pb2.PostStatusRequest(agent_version=version))

    async def renew_agent(self, csr: bytes) -> X509Svid:
        params = agent_pb2.AgentX509SVIDParams(csr=csr)
        answer = await self.call(self.api.agent.RenewAgent, agent_pb2.RenewAgentRequest(params=params))
        return x509_svid_from_wire(answer.svid)

    async def aclose(self) -> None:
        await self.api.close()

    async def renewed(self) -> None:
        """Returns when trust or identity changed: a stream that goes on keeps those it began with."""
        await self._renewed.wait()

    def _renew(self) -> None:
        self.api.channel.renew()
        for readers in self._told:
            self._tell(readers)
        self._renewed.set()
        self._renewed = asyncio.Event()

    def _tell(self, readers: ReaderContext) -> None:
        material = self._material()
        readers.follow(material.bundles, Identity(material.chain, material.key))

    def _material(self) -> Material:
        bundles = {self.server.trust_domain.name: self._bundle.x509_roots}
        if self._identity is None:
            return Material(bundles)
        return Material(bundles, self._identity.svid.chain, self._identity.key_der)


def require_roots(bundle: Bundle) -> Bundle:
    """The own bundle itself. Raises: Internal for one without roots: with it no server could be trusted again."""
    if not bundle.x509_authorities:
        raise Internal(f'bundle of "{bundle.trust_domain}" holds no X.509 authority')
    return bundle


def rpc_text(error: FinialError) -> str:
    """As grpc-go prints an error that a server answered: scripts search logs for it."""
    return f"rpc error: code = {code_name(error)} desc = {error.message}"


def in_rpc_words(what: str, why: FinialError) -> FinialError:
    """The same kind, "what: rpc error: ...", as a stock agent tells it; a denial keeps its reason."""
    outer = why.within(what)
    outer.message = f"{what}: {rpc_text(why)}"
    return outer


def only_server(trust_domain: TrustDomain) -> Authorizer:
    """Lets in the server of this trust domain and nobody else: not even an agent of it."""
    wanted = server_id(trust_domain)

    def authorize(peer: SpiffeId) -> None:
        if peer != wanted:
            raise PermissionDenied(f'unexpected ID "{peer}"')

    return authorize
