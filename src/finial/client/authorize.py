"""Who may be on the other end: each function here makes an authorizer, asked inside the handshake.

An authorizer gets the peer's SPIFFE ID, which its chain and the bundle of its own trust domain have
proved, and raises PermissionDenied to refuse it. Deny is the default: there is no context without one.
"""

from __future__ import annotations

from collections.abc import Callable

from finial.errors import PermissionDenied
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

Authorizer = Callable[[SpiffeId], None]


def one_of(*ids: SpiffeId | str) -> Authorizer:
    """Exactly these IDs. Raises: InvalidArgument for text that is none."""
    allowed = frozenset(one if isinstance(one, SpiffeId) else SpiffeId.parse(one) for one in ids)

    def authorize(peer: SpiffeId) -> None:
        if peer not in allowed:
            raise PermissionDenied(f'unexpected ID "{peer}"')

    return authorize


def member_of(trust_domain: TrustDomain | str) -> Authorizer:
    """Any ID of this trust domain."""
    wanted = trust_domain if isinstance(trust_domain, TrustDomain) else TrustDomain.parse(trust_domain)

    def authorize(peer: SpiffeId) -> None:
        if not peer.member_of(wanted):
            raise PermissionDenied(f'unexpected trust domain "{peer.trust_domain}"')

    return authorize


def any_id() -> Authorizer:
    """Every ID of every trust domain whose bundle is known: for servers that decide per request."""
    return lambda _: None


def matching(rule: Callable[[SpiffeId], bool], what: str) -> Authorizer:
    """Where the rule holds; `what` completes "is not ...", for example "a service of production"."""

    def authorize(peer: SpiffeId) -> None:
        if not rule(peer):
            raise PermissionDenied(f'ID "{peer}" is not {what}')

    return authorize
