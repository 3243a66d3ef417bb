"""What a workload gets: identities with their keys, and the bundles it may trust. Pure.

In: messages of the Workload API. Out: checked values; a message that breaks a rule is refused whole.
Spec: SPIFFE Workload API 5.1, 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from finial.errors import InvalidArgument, NotFound
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import x509

if TYPE_CHECKING:
    from finial.wire.pb.spiffe.workload.workload_pb2 import X509SVID, X509SVIDResponse


@dataclass(frozen=True, slots=True)
class Identity:
    """One X.509-SVID and its private key (DER PKCS#8), which stays out of repr and logs."""

    svid: x509.X509Svid
    key: bytes = field(repr=False)
    hint: str = ""

    @property
    def id(self) -> SpiffeId:
        return self.svid.id


@dataclass(frozen=True, slots=True)
class X509Context:
    """One moment: every identity of this workload, the default first, and what it may trust."""

    identities: tuple[Identity, ...]
    bundles: BundleSet

    @property
    def default(self) -> Identity:
        """The first: what a workload uses that does not choose. Workload API 5.3."""
        return self.identities[0]

    def hinted(self, hint: str) -> Identity:
        """Raises: NotFound, with the hints there are."""
        for identity in self.identities:
            if identity.hint == hint:
                return identity
        known = ", ".join(f'"{one.hint}"' for one in self.identities if one.hint) or "none"
        raise NotFound(f'no identity has the hint "{hint}": there are {known}')


def x509_context(message: X509SVIDResponse) -> X509Context:
    """Raises: InvalidArgument, naming the identity that cannot be read."""
    if not message.svids:
        raise InvalidArgument("workload api: the answer holds no identity")
    bundles = {one.trust_domain: one for one in map(_own_bundle, message.svids)}
    bundles.update(federated_bundles(message.federated_bundles))
    return X509Context(tuple(_identity(one) for one in message.svids), BundleSet(bundles))


def _identity(message: X509SVID) -> Identity:
    try:
        svid = x509.parse(x509.split_der(message.x509_svid))
        if str(svid.id) != message.spiffe_id:
            raise InvalidArgument(f'the certificate is of "{svid.id}"')
        if not message.x509_svid_key:
            raise InvalidArgument("the private key is missing")
    except InvalidArgument as why:
        raise why.within(f'workload api: identity "{message.spiffe_id}"') from why
    return Identity(svid, message.x509_svid_key, message.hint)


def _own_bundle(message: X509SVID) -> Bundle:
    return x509_bundle(SpiffeId.parse(message.spiffe_id).trust_domain, message.bundle)


def federated_bundles(messages: Mapping[str, bytes]) -> dict[TrustDomain, Bundle]:
    """By trust domain; keys are `spiffe://td` or `td`, values concatenated DER certificates."""
    domains = ((TrustDomain.parse(name), data) for name, data in messages.items())
    return {domain: x509_bundle(domain, data) for domain, data in domains}


def x509_bundle(trust_domain: TrustDomain, data: bytes) -> Bundle:
    return Bundle(trust_domain, tuple(X509Authority(der) for der in x509.split_der(data)))
