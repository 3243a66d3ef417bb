"""A server as an agent meets it, in the test's own process, over real TLS and the real protocol.

It signs with the authority's own code, so what it answers is what a server answers; what it authorizes,
denies or breaks is told by the test. Faults that no honest server has (a wrong key, an SVID for another)
are why it is there: everything else is tested against the server itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from finial.agent.connection import ServerAddress
from finial.authority.ca import X509Ca
from finial.authority.issue import Issuer
from finial.authority.policy import Policy
from finial.errors import Denial, FinialError, InvalidArgument, NotFound, PermissionDenied, Unsupported
from finial.registry.entry import Entry
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.grpc import Handler, Server, Stream, connection_of
from finial.runtime.tls import FollowingContext, Material, peer_chain
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import agent_id
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr, x509
from finial.svid.x509 import X509Svid, private_key_to_pkcs8
from finial.testing.ca import TestCa
from finial.testing.jwt import TestJwtKey
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.convert.entry import entry_to_wire
from finial.wire.convert.svid import x509_svid_to_wire
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.finial.change.v1.change_grpc import ChangesBase
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentBase
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleBase
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryBase
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDBase
from finial.wire.pb.spire.api.types import jwtsvid_pb2, status_pb2
from finial.wire.status import DetailsCodec, item_status, to_grpc_error

AnyStream = Stream[Any, Any]
Fault = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Pushed:
    """One open Watch: what the agent opened with, what it acknowledged, and a way to push to it."""

    opened: change_pb2.Open
    outgoing: asyncio.Queue[change_pb2.WatchResponse | None] = field(default_factory=asyncio.Queue)
    acknowledged: list[bytes] = field(default_factory=list)


class ScriptedServer:
    """`calls` counts methods. `deny` answers every agent's call; `before[method]` runs first and may raise."""

    def __init__(
        self,
        *,
        watchable: bool = False,
        agent_ttl: int = 3600,
        x509_svid_ttl: int = 3600,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.trust_domain = TrustDomain("example.org")
        self.policy = Policy(trust_domain=self.trust_domain, agent_ttl=agent_ttl, x509_svid_ttl=x509_svid_ttl)
        self.ca = TestCa("example.org", now=self.clock.now())
        self.jwt_key = TestJwtKey()
        self.bundle = Bundle(
            self.trust_domain,
            (X509Authority(self.ca.der),),
            (JwtAuthority(self.jwt_key.key_id, self.jwt_key.public_key),),
        )
        self.federated: dict[TrustDomain, Bundle] = {}
        self.entries: dict[str, Entry] = {}
        self.tokens: set[str] = set()
        self.serials: set[int] = set()  # of agents that may call
        self.renewed: set[int] = set()  # signed by RenewAgent and not used yet
        self.reattestable = False
        self.page_size = 500
        self.deny: Denial | None = None
        self.before: dict[str, Fault] = {}
        self.change_svid: Callable[[X509Svid], X509Svid] = lambda svid: svid
        self.calls: Counter[str] = Counter()
        self.watches: list[Pushed] = []
        self.watch_opened = asyncio.Event()
        self._watchable = watchable
        self._issuer = Issuer(X509Ca(self.ca.der, self.ca.private_key), self.policy)
        leaf = self.ca.leaf("/spire/server")
        self._material = Material(
            {"example.org": (self.ca.der,)}, leaf.chain, private_key_to_pkcs8(leaf.private_key)
        )
        self._context = FollowingContext(self._material, lambda _: None, server_side=True)
        self._server = Server(
            [self], interceptor=self._intercept, to_status=to_grpc_error, details_codec=DetailsCodec()
        )

    async def __aenter__(self) -> Self:
        await self._server.start("127.0.0.1", 0, ssl=self._context)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.drain(0)

    @property
    def address(self) -> ServerAddress:
        return ServerAddress("127.0.0.1", self._server.addresses[0][1], self.trust_domain)

    def new_token(self) -> str:
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return token

    def push(
        self, position: bytes, *entries: Entry, withdrawn: tuple[str, ...] = (), more: bool = False
    ) -> None:
        """To every open Watch; the entries are authorized from now on."""
        self.entries.update({one.id: one for one in entries})
        for entry_id in withdrawn:
            self.entries.pop(entry_id, None)
        message = change_pb2.WatchResponse(
            position=position,
            entries=[entry_to_wire(one) for one in entries],
            withdrawn_entry_ids=withdrawn,
            more=more,
        )
        for watch in self.watches:
            watch.outgoing.put_nowait(message)

    def __mapping__(self) -> Mapping[str, Handler]:
        bases: list[Any] = [AgentBase, EntryBase, SVIDBase, BundleBase]
        if self._watchable:
            bases.append(ChangesBase)
        return {path: handler for base in bases for path, handler in base.__mapping__(self).items()}

    def __getattr__(self, name: str) -> Callable[[AnyStream], Awaitable[None]]:
        if not name[0].isupper():
            raise AttributeError(name)

        async def unimplemented(stream: AnyStream) -> None:
            raise Unsupported(f"unknown method {name}")

        return unimplemented

    async def _intercept(self, stream: AnyStream, path: str, call: Callable[[], Awaitable[None]]) -> None:
        method = path.rpartition("/")[2]
        self.calls[method] += 1
        if method in self.before:
            await self.before[method]()
        if method not in ("AttestAgent", "GetBundle"):
            self._authorize(stream)
        await call()

    def _authorize(self, stream: AnyStream) -> None:
        chain = peer_chain(connection_of(stream).ssl_object)
        if self.deny is not None:
            raise PermissionDenied("authorization denied for method", reason=self.deny)
        serial = 0 if chain is None else x509.parse(chain).serial_number
        if serial in self.renewed:  # the first call with the new one: the old one is forgotten
            self.renewed.discard(serial)
            self.serials = {serial}
        if serial not in self.serials:
            raise PermissionDenied("authorization denied for method", reason=Denial.AGENT_NOT_ACTIVE)

    async def AttestAgent(self, stream: AnyStream) -> None:
        request = await received(stream)
        assert request is not None
        token = request.params.data.payload.decode()
        if token not in self.tokens:
            raise InvalidArgument("failed to attest: join token does not exist or has already been used")
        self.tokens.discard(token)
        svid = self._sign_agent(f"/join_token/{token}", request.params.params.csr)
        self.serials.add(svid.serial_number)
        result = agent_pb2.AttestAgentResponse.Result(
            svid=x509_svid_to_wire(svid), reattestable=self.reattestable
        )
        await stream.send_message(agent_pb2.AttestAgentResponse(result=result))

    async def RenewAgent(self, stream: AnyStream) -> None:
        request = await received(stream)
        chain = peer_chain(connection_of(stream).ssl_object) or ()
        suffix = x509.parse(chain).id.path.removeprefix("/spire/agent")
        svid = self._sign_agent(suffix, request.params.csr)
        self.renewed.add(svid.serial_number)
        await stream.send_message(agent_pb2.RenewAgentResponse(svid=x509_svid_to_wire(svid)))

    async def PostStatus(self, stream: AnyStream) -> None:
        await stream.recv_message()
        await stream.send_message(agent_pb2.PostStatusResponse())

    def _sign_agent(self, suffix: str, request: bytes) -> X509Svid:
        checked = self.policy.agent(agent_id(self.trust_domain, suffix), csr.parse(request))
        return self.change_svid(self._issuer.sign(checked, self.clock.now()))

    async def GetBundle(self, stream: AnyStream) -> None:
        await stream.recv_message()
        await stream.send_message(bundle_to_wire(self.bundle))

    async def GetFederatedBundle(self, stream: AnyStream) -> None:
        request = await received(stream)
        bundle = self.federated.get(TrustDomain(request.trust_domain))
        if bundle is None:
            raise NotFound("bundle not found")
        await stream.send_message(bundle_to_wire(bundle))

    async def SyncAuthorizedEntries(self, stream: AnyStream) -> None:
        await stream.recv_message()
        entries = [self.entries[one] for one in sorted(self.entries)]
        if len(entries) <= self.page_size:
            messages = [entry_to_wire(one) for one in entries]
            await stream.send_message(entry_pb2.SyncAuthorizedEntriesResponse(entries=messages))
            return
        for start in range(0, len(entries), self.page_size):
            revisions = [
                entry_pb2.EntryRevision(
                    id=one.id, revision_number=one.revision_number, created_at=one.created_at
                )
                for one in entries[start : start + self.page_size]
            ]
            more = start + self.page_size < len(entries)
            await stream.send_message(
                entry_pb2.SyncAuthorizedEntriesResponse(entry_revisions=revisions, more=more)
            )
        async for request in stream:
            self.calls["SyncAuthorizedEntries page"] += 1
            found = [entry_to_wire(self.entries[one]) for one in request.ids if one in self.entries]
            await stream.send_message(entry_pb2.SyncAuthorizedEntriesResponse(entries=found, more=True))
            await stream.send_message(entry_pb2.SyncAuthorizedEntriesResponse(more=False))

    async def BatchNewX509SVID(self, stream: AnyStream) -> None:
        request = await received(stream)
        results = [self._sign_workload(one) for one in request.params]
        await stream.send_message(svid_pb2.BatchNewX509SVIDResponse(results=results))

    def _sign_workload(self, params: svid_pb2.NewX509SVIDParams) -> svid_pb2.BatchNewX509SVIDResponse.Result:
        Result = svid_pb2.BatchNewX509SVIDResponse.Result
        try:
            if params.entry_id not in self.entries:
                raise NotFound("entry not found or not authorized")
            checked = self.policy.workload(self.entries[params.entry_id], csr.parse(params.csr))
            svid = self.change_svid(self._issuer.sign(checked, self.clock.now()))
        except FinialError as why:
            return Result(status=item_status(why))
        return Result(svid=x509_svid_to_wire(svid), status=status_pb2.Status(message="OK"))

    async def NewJWTSVID(self, stream: AnyStream) -> None:
        request = await received(stream)
        entry = self.entries.get(request.entry_id)
        if entry is None:
            raise NotFound("entry not found or not authorized")
        token = self.jwt_key.sign(str(entry.spiffe_id), list(request.audience), self.clock.unix())
        svid = jwtsvid_pb2.JWTSVID(token=token)
        await stream.send_message(svid_pb2.NewJWTSVIDResponse(svid=svid))

    async def Watch(self, stream: AnyStream) -> None:
        first = await received(stream)
        watch = Pushed(first.open)
        self.watches.append(watch)
        known = {one.id for one in first.open.known}
        snapshot = change_pb2.WatchResponse(
            position=b"start",
            snapshot=True,
            entries=[entry_to_wire(one) for one in self.entries.values() if one.id not in known],
            withdrawn_entry_ids=sorted(known - self.entries.keys()),
        )
        await stream.send_message(snapshot)
        self.watch_opened.set()
        reading = asyncio.ensure_future(self._acknowledgements(stream, watch))  # noqa: TID251 - cancelled below
        try:
            while (message := await watch.outgoing.get()) is not None:
                await stream.send_message(message)
        finally:
            reading.cancel()
            self.watches.remove(watch)

    async def _acknowledgements(self, stream: AnyStream, watch: Pushed) -> None:
        async for request in stream:
            watch.acknowledged.append(request.acknowledge.position)


async def received(stream: AnyStream) -> Any:
    """The next message, of whatever type the method has."""
    return await stream.recv_message()
