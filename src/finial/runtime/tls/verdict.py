"""A chain that OpenSSL accepted in, the peer's SPIFFE ID out, or `PeerRefused` with the reason.

OpenSSL knows one store of roots; SPIFFE wants each ID vouched for by the bundle of its own trust domain
(X509-SVID 5). So the path that OpenSSL verified must hold a certificate of that very bundle above the
leaf, the leaf must keep the rules of X509-SVID 4, and the authorizer must allow the ID.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from finial.errors import FinialError
from finial.runtime.tls.material import Material
from finial.spiffe.id import SpiffeId
from finial.svid.x509 import parse

Authorizer = Callable[[SpiffeId], None]  # raises PermissionDenied


class PeerRefused(ssl.SSLCertVerificationError):
    """Our own reason to end a handshake that OpenSSL was content with; asyncio and httpx know the base."""

    def __init__(self, why: str) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, why)
        self.reason = why
        self.verify_message = why


@dataclass(frozen=True, slots=True)
class Accepted:
    """Who a handshake let in: the chain is the verified one, DER, leaf first."""

    id: SpiffeId
    chain: tuple[bytes, ...]


def judge(verified: Sequence[bytes], material: Material, authorize: Authorizer) -> Accepted:
    """`verified`: DER, leaf first, up to the anchor. Raises: PeerRefused, whatever goes wrong."""
    try:
        svid_id = parse(verified).id
        roots = material.bundles.get(svid_id.trust_domain.name)
        if roots is None:
            raise PeerRefused(f'"{svid_id}" is of a trust domain of which no bundle is held')
        if not vouched_for(verified, roots):
            raise PeerRefused(f'"{svid_id}" is not signed by the bundle of "{svid_id.trust_domain}"')
        authorize(svid_id)
    except PeerRefused:
        raise
    except FinialError as why:
        raise PeerRefused(f"peer refused: {why}") from why
    except Exception as why:  # a broken authorizer must not let anyone in
        raise PeerRefused("peer refused: its check failed") from why
    return Accepted(svid_id, tuple(verified))


def vouched_for(verified: Sequence[bytes], bundle: Sequence[bytes]) -> bool:
    """A root of the bundle stands above the leaf: all up to there is verified by signature."""
    return any(der in bundle for der in verified[1:])


def verified_chain(connection: ssl.SSLObject | ssl.SSLSocket) -> tuple[bytes, ...]:
    """What OpenSSL verified in this handshake; empty where the peer showed nothing or resumed.

    The methods are public from Python 3.13 on; before, they are those of the C object underneath.
    """
    public: Any = getattr(connection, "get_verified_chain", None)
    if public is not None:
        return tuple(public())
    raw: Any = connection._sslobj  # type: ignore[union-attr]
    if raw is None:
        return ()
    import _ssl

    # A server whose client showed nothing gets [None].
    return tuple(one.public_bytes(_ssl.ENCODING_DER) for one in raw.get_verified_chain() or () if one)


def peer_chain(connection: object) -> tuple[bytes, ...] | None:
    """The verified chain, DER, leaf first, anchor last; None: no certificate was shown.

    `connection` is the `ssl_object` of a transport or the socket, made by a FollowingContext: of any
    other the answer is None, because nobody judged it.
    """
    found = getattr(connection, "accepted", None)
    return found.chain if isinstance(found, Accepted) else None


def peer_id(connection: object) -> SpiffeId | None:
    """The SPIFFE ID that the handshake proved; None: no certificate was shown."""
    found = getattr(connection, "accepted", None)
    return found.id if isinstance(found, Accepted) else None
