"""The names and methods of py-spiffe 0.3, backed by this library: change the import and go on.

    from finial.client.pyspiffe import WorkloadApiClient, X509Source   # was: from spiffe import ...

What is not offered raises `finial.errors.Unsupported`: docs/client.md has the list. New programs use
`finial.client` or `finial.client.blocking`, which also make TLS contexts.
"""

from finial.client.pyspiffe.api import WorkloadApiClient
from finial.client.pyspiffe.bundles import JwtBundle, JwtBundleSet, X509Bundle, X509BundleSet
from finial.client.pyspiffe.context import X509Context
from finial.client.pyspiffe.ids import SpiffeId, TrustDomain
from finial.client.pyspiffe.sources import JwtSource, X509Source
from finial.client.pyspiffe.streams import RetryPolicy, StreamCancelHandler
from finial.client.pyspiffe.svids import JwtSvid, X509Svid

__all__ = [
    "JwtBundle",
    "JwtBundleSet",
    "JwtSource",
    "JwtSvid",
    "RetryPolicy",
    "SpiffeId",
    "StreamCancelHandler",
    "TrustDomain",
    "WorkloadApiClient",
    "X509Bundle",
    "X509BundleSet",
    "X509Context",
    "X509Source",
    "X509Svid",
]
