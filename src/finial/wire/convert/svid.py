"""`spire.api.types.X509SVID`, `JWTSVID` <-> X509Svid, JwtSvid.

What a server says beside a credential (ID, expiry) is compared with the credential itself on reading:
the credential is right, and a difference is an error.
"""

from __future__ import annotations

import math

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.svid import jwt, x509
from finial.svid.jwt import JwtSvid
from finial.svid.x509 import X509Svid
from finial.wire.convert.field import given
from finial.wire.convert.id import id_from_wire, id_to_wire
from finial.wire.pb.spire.api.types import jwtsvid_pb2, spiffeid_pb2, x509svid_pb2


def x509_svid_to_wire(svid: X509Svid, hint: str = "") -> x509svid_pb2.X509SVID:
    """`hint` is the entry's."""
    return x509svid_pb2.X509SVID(
        cert_chain=svid.chain,
        id=id_to_wire(svid.id),
        expires_at=int(svid.not_after.timestamp()),
        hint=hint,
    )


def x509_svid_from_wire(message: x509svid_pb2.X509SVID) -> X509Svid:
    """Read, not verified against a bundle. Raises: InvalidArgument."""
    svid = x509.parse(tuple(message.cert_chain))
    _check_id(svid.id, given(message, "id", message.id))
    return svid


def jwt_svid_to_wire(svid: JwtSvid, hint: str = "") -> jwtsvid_pb2.JWTSVID:
    """Times go out as whole Unix seconds, rounded down; `hint` is the entry's."""
    return jwtsvid_pb2.JWTSVID(
        token=svid.token,
        id=id_to_wire(svid.id),
        expires_at=math.floor(svid.expires_at),
        issued_at=math.floor(svid.issued_at or 0),
        hint=hint,
    )


def jwt_svid_from_wire(message: jwtsvid_pb2.JWTSVID) -> JwtSvid:
    """Read, not verified against a bundle. Raises: InvalidArgument."""
    svid = jwt.parse_unverified(message.token)
    _check_id(svid.id, given(message, "id", message.id))
    return svid


def _check_id(found: SpiffeId, told: spiffeid_pb2.SPIFFEID | None) -> None:
    if told is not None and id_from_wire(told) != found:
        raise InvalidArgument(f'svid is for "{found}", but was announced as "{id_from_wire(told)}"')
