"""What an application imports: identities that rotate by themselves, and mTLS that checks SPIFFE IDs.

    from finial.client import X509Source, authorize, client_context

    async with X509Source() as source:
        context = client_context(source, authorize.one_of("spiffe://example.org/payment-api"))
        await asyncio.open_connection("127.0.0.1", 18444, ssl=context)

Adapters are modules of their own: `asgi`, `httpx`, `aiohttp`, `grpc`, `postgres`, `bearer` (JWT-SVIDs), `blocking`
(threads), `pyspiffe` (py-spiffe's names); docs/client.md shows each. Names are loaded at first use: importing this
package costs a few milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finial.client import authorize
    from finial.client.identity import Identity, X509Context
    from finial.client.jwt_source import JwtSource
    from finial.client.tls import client_context, server_context
    from finial.client.workload import WorkloadApi
    from finial.client.x509_source import X509Source
    from finial.spiffe.bundle import Bundle, BundleSet
    from finial.spiffe.id import SpiffeId
    from finial.spiffe.trust_domain import TrustDomain
    from finial.svid.jwt import JwtSvid
    from finial.svid.x509 import X509Svid

HOMES = {
    "Bundle": "finial.spiffe.bundle",
    "BundleSet": "finial.spiffe.bundle",
    "Identity": "finial.client.identity",
    "JwtSource": "finial.client.jwt_source",
    "JwtSvid": "finial.svid.jwt",
    "SpiffeId": "finial.spiffe.id",
    "TrustDomain": "finial.spiffe.trust_domain",
    "WorkloadApi": "finial.client.workload",
    "X509Context": "finial.client.identity",
    "X509Source": "finial.client.x509_source",
    "X509Svid": "finial.svid.x509",
    "client_context": "finial.client.tls",
    "server_context": "finial.client.tls",
}

__all__ = [
    "Bundle",
    "BundleSet",
    "Identity",
    "JwtSource",
    "JwtSvid",
    "SpiffeId",
    "TrustDomain",
    "WorkloadApi",
    "X509Context",
    "X509Source",
    "X509Svid",
    "authorize",
    "client_context",
    "server_context",
]


def __getattr__(name: str) -> Any:
    if name == "authorize":
        return import_module("finial.client.authorize")
    if name not in HOMES:
        raise AttributeError(f'module "finial.client" has no attribute "{name}"')
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
