"""py-spiffe's X509Context: the SVIDs of one moment, the default first, and what may be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from finial.client import identity
from finial.client.pyspiffe.bundles import X509Bundle, X509BundleSet
from finial.client.pyspiffe.errors import ArgumentError
from finial.client.pyspiffe.svids import X509Svid


class X509Context:
    def __init__(self, x509_svids: Sequence[X509Svid], x509_bundle_set: X509BundleSet) -> None:
        if not x509_svids:
            raise ArgumentError("X.509 SVID list cannot be empty")
        self._svids, self._bundles = list(x509_svids), x509_bundle_set

    @classmethod
    def of(cls, context: identity.X509Context) -> X509Context:
        """From Finial's own."""
        svids = [X509Svid.of(one) for one in context.identities]
        return cls(svids, X509BundleSet.from_set(context.bundles, X509Bundle.of))

    @property
    def default_svid(self) -> X509Svid:
        return self._svids[0]

    @property
    def x509_svids(self) -> list[X509Svid]:
        return list(self._svids)

    @property
    def x509_bundle_set(self) -> X509BundleSet:
        return self._bundles
