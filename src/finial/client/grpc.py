"""grpclib over mTLS: a source and an authorizer in, channels and servers that show and check SPIFFE IDs out.

    async with grpc.channel("127.0.0.1", 18444, source, authorize.one_of(PAYMENT)) as channel:
        await PaymentsStub(channel).Pay(...)

    async with grpc.serve([Payments()], source, authorize.member_of("example.org"), port=18444):
        ...

Stubs and handlers are grpclib's; `grpc.caller(stream)` says who calls. A connection keeps the trust it was
made under, so a change ends it softly: a channel dials anew at each change of SVID or bundles, a server says
GOAWAY when bundles change, and calls under way finish on either side.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from finial.client.authorize import Authorizer
from finial.client.identity import X509Context
from finial.client.tls import GRPC, client_context, server_context
from finial.client.x509_source import X509Source
from finial.errors import Unauthenticated
from finial.runtime.grpc import Channel, Servable, Server, Stream, connection_of
from finial.runtime.http2.protocol import Protocol
from finial.runtime.tls import FollowingContext, peer_id
from finial.spiffe.id import SpiffeId

GRACE = 10.0  # seconds that calls get to finish when a server ends


def channel(host: str, port: int, source: X509Source, authorize: Authorizer, **options: Any) -> Channel:
    """A channel for generated stubs, with `options` of `runtime.grpc.Channel`; made inside a running loop.

    A server that is refused is Unavailable with the reason, before a byte of the call has left.
    """
    return FollowingChannel(host, port, client_context(source, authorize, alpn=GRPC), **options)


@asynccontextmanager
async def serve(
    handlers: Collection[Servable],
    source: X509Source,
    authorize: Authorizer,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    grace: float = GRACE,
    **options: Any,
) -> AsyncIterator[FollowingServer]:
    """Serves within the block, with `options` of `runtime.grpc.Server`; port 0 takes a free one.

    At its end calls under way get `grace` seconds. A caller that is not allowed never gets a byte of HTTP/2.
    """
    async with FollowingServer(handlers, **options) as server:
        unsubscribe = source.subscribe(server.follow)
        try:
            server.trusted = source.bundles
            await server.start(host, port, ssl=server_context(source, authorize, alpn=GRPC))
            yield server
        finally:
            unsubscribe()
            await server.drain(grace)


def caller(stream: Stream[Any, Any]) -> SpiffeId:
    """Who sent this call. Raises: Unauthenticated if the connection proves nobody (not served by `serve`)."""
    found = peer_id(connection_of(stream).ssl_object)
    if found is None:
        raise Unauthenticated("this connection carries no SPIFFE ID")
    return found


class FollowingChannel(Channel):
    """Each call goes over a connection that was made under the trust of now."""

    def __init__(self, host: str, port: int, context: FollowingContext, **options: Any) -> None:
        super().__init__(host, port, ssl=context, **options)
        self._context = context
        context.on_change(self.renew)

    async def __connect__(self) -> Protocol:
        made = await super().__connect__()
        while generation_of(made) != self._context.generation:
            self.renew()  # a dial that was under way at the change was judged by the trust of before
            made = await super().__connect__()
        return made


def generation_of(made: Protocol) -> int:
    """Of the context, when it began this connection's handshake."""
    judged: Any = made.connection.ssl_object
    return int(judged.current.generation)


class FollowingServer(Server):
    """Says goodbye to its connections when the bundles change: callers come back and are judged anew."""

    trusted: object = None

    def __init__(self, handlers: Collection[Servable], **options: Any) -> None:
        super().__init__(handlers, **options)
        self._live: weakref.WeakSet[Protocol] = weakref.WeakSet()

    @property
    def port(self) -> int:
        return int(self.addresses[0][1])

    def protocol(self, peer: object | None = None) -> Protocol:
        made = super().protocol(peer)
        self._live.add(made)
        return made

    def follow(self, context: X509Context) -> None:
        """A new SVID of ours alone is no reason: whom the callers trust is theirs to decide."""
        if context.bundles == self.trusted:
            return
        self.trusted = context.bundles
        for made in tuple(self._live):
            made.drain()
