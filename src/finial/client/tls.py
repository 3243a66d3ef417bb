"""TLS contexts that follow a source: the newest SVID is shown, the newest bundles are trusted.

In: an X509Source and an authorizer. Out: an `ssl.SSLContext` for asyncio, uvloop, httpx or uvicorn that
refuses, inside the handshake, a peer whose chain or SPIFFE ID is wrong. There is no context without an
authorizer, and none that only encrypts. A context follows for as long as somebody holds it. Spec: X509-SVID 5.
"""

from __future__ import annotations

import ssl
import weakref
from collections.abc import Sequence
from contextlib import suppress

from finial.client.authorize import Authorizer
from finial.client.identity import Identity, X509Context
from finial.client.x509_source import X509Source
from finial.errors import NotFound
from finial.runtime.tls import FollowingContext, Material

HTTP = ("http/1.1",)
GRPC = ("h2",)


def server_context(
    source: X509Source, authorize: Authorizer, *, alpn: Sequence[str] = HTTP
) -> FollowingContext:
    """Shows this workload's SVID; requires a certificate of the client and asks `authorize` for its ID."""
    return _following(source, authorize, alpn, server_side=True)


def client_context(
    source: X509Source, authorize: Authorizer, *, alpn: Sequence[str] = HTTP
) -> FollowingContext:
    """Shows this workload's SVID; asks `authorize` for the server's ID. Host names are not looked at."""
    return _following(source, authorize, alpn, server_side=False)


def _following(
    source: X509Source, authorize: Authorizer, alpn: Sequence[str], *, server_side: bool
) -> FollowingContext:
    offered = tuple(alpn)
    shown = source.identity
    context = FollowingContext(
        material(shown, source.context, offered),
        authorize,
        server_side=server_side,
        client_auth=ssl.CERT_REQUIRED,
    )
    living = weakref.ref(context)

    def follow(changed: X509Context) -> None:
        nonlocal shown
        followed = living()
        if followed is None:
            unsubscribe()
            return
        with suppress(NotFound):  # its hint went away: it is shown until it ends, and trust goes on
            shown = source.identity
        followed.set(material(shown, changed, offered))

    unsubscribe = source.subscribe(follow)
    return context


def material(identity: Identity, context: X509Context, alpn: tuple[str, ...]) -> Material:
    """The own trust domain's bundle stands first: its roots win where another's could pass for them."""
    own = identity.id.trust_domain
    ordered = sorted(context.bundles.bundles, key=lambda domain: (domain != own, domain.name))
    bundles = {domain.name: context.bundles.bundles[domain].x509_roots for domain in ordered}
    return Material(bundles=bundles, chain=identity.svid.chain, key=identity.key, alpn=alpn)
