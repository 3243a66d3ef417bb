"""SVIDs on the wire: the credential is right, what is said beside it must agree."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.svid import jwt, x509
from finial.testing.ca import TestCa
from finial.testing.jwt import TestJwtKey
from finial.wire.convert.svid import (
    jwt_svid_from_wire,
    jwt_svid_to_wire,
    x509_svid_from_wire,
    x509_svid_to_wire,
)
from finial.wire.pb.spire.api.types.jwtsvid_pb2 import JWTSVID
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID
from finial.wire.pb.spire.api.types.x509svid_pb2 import X509SVID

WEB = SPIFFEID(trust_domain="example.org", path="/web")
OTHER = SPIFFEID(trust_domain="example.org", path="/other")


def test_x509_svid_survives_with_its_chain() -> None:
    svid = x509.parse(TestCa().intermediate().leaf("/web").chain)
    message = x509_svid_to_wire(svid, hint="internal")
    assert (message.id, message.hint, len(message.cert_chain)) == (WEB, "internal", 2)
    assert message.expires_at == svid.not_after.timestamp()
    assert x509_svid_from_wire(X509SVID.FromString(message.SerializeToString())) == svid


def test_x509_svid_announced_as_another_is_refused() -> None:
    message = x509_svid_to_wire(x509.parse(TestCa().leaf("/web").chain))
    message.id.CopyFrom(OTHER)
    with pytest.raises(
        InvalidArgument, match=r'^svid is for "spiffe://example.org/web", but was announced as'
    ):
        x509_svid_from_wire(message)


def test_x509_svid_without_a_chain_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="certificate chain is empty"):
        x509_svid_from_wire(X509SVID(id=WEB))


def test_jwt_svid_survives() -> None:
    token = TestJwtKey().sign("spiffe://example.org/web", ["db"], 1_000.0)
    svid = jwt.parse_unverified(token)
    message = jwt_svid_to_wire(svid, hint="internal")
    assert message == JWTSVID(token=token, id=WEB, expires_at=1_300, issued_at=1_000, hint="internal")
    assert jwt_svid_from_wire(message) == svid


def test_jwt_svid_announced_as_another_is_refused() -> None:
    token = TestJwtKey().sign("spiffe://example.org/web", ["db"], 1_000.0)
    with pytest.raises(InvalidArgument, match="announced"):
        jwt_svid_from_wire(JWTSVID(token=token, id=OTHER))
