"""Foreign bytes and messages: a value or an error of ours, whatever they hold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from grpclib.const import Status
from hypothesis import given
from hypothesis import strategies as st

from finial.errors import Internal, InvalidArgument
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.bundle import bundle_from_request, bundle_from_wire
from finial.wire.convert.entry import entry_from_request, entry_from_wire
from finial.wire.convert.federation import federation_from_wire
from finial.wire.convert.stored import attributes_from_stored, bundle_from_stored, journal_from_stored
from finial.wire.pb.spire.api.types.bundle_pb2 import Bundle, JWTKey, X509Certificate
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import (
    FederationRelationship,
    HTTPSSPIFFEProfile,
)
from finial.wire.pb.spire.api.types.selector_pb2 import Selector
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID
from finial.wire.status import DetailsCodec

EXAMPLE = TrustDomain.parse("example.org")
texts = st.one_of(
    st.text(max_size=12), st.sampled_from(["example.org", "spiffe://example.org", "/web", "https://a.test:"])
)
ids = st.builds(SPIFFEID, trust_domain=texts, path=texts)
entries = st.builds(
    Entry,
    id=texts,
    spiffe_id=st.none() | ids,
    parent_id=st.none() | ids,
    selectors=st.lists(st.builds(Selector, type=texts, value=texts), max_size=2),
    federates_with=st.lists(texts, max_size=2),
    dns_names=st.lists(texts, max_size=2),
    hint=texts,
)
bundles = st.builds(
    Bundle,
    trust_domain=texts,
    x509_authorities=st.lists(st.builds(X509Certificate, asn1=st.binary(max_size=20)), max_size=2),
    jwt_authorities=st.lists(st.builds(JWTKey, public_key=st.binary(max_size=20), key_id=texts), max_size=2),
)
relationships = st.builds(
    FederationRelationship,
    trust_domain=texts,
    bundle_endpoint_url=st.one_of(texts, texts.map(lambda rest: "https://" + rest)),
    https_spiffe=st.builds(HTTPSSPIFFEProfile, endpoint_spiffe_id=texts),
)


@pytest.mark.parametrize("read", [bundle_from_stored, attributes_from_stored, journal_from_stored])
@given(st.binary(max_size=60))
def test_stored_bytes(read: Callable[[bytes], object], data: bytes) -> None:
    with suppress(Internal):
        read(data)


@given(entries)
def test_entries(message: Entry) -> None:
    with suppress(InvalidArgument):
        entry_from_request(message, EXAMPLE)
    with suppress(InvalidArgument):
        entry_from_wire(message)


@pytest.mark.parametrize("read", [bundle_from_request, bundle_from_wire])
@given(bundles)
def test_bundles(read: Callable[[Bundle], object], message: Bundle) -> None:
    with suppress(InvalidArgument):
        read(message)


@given(relationships)
def test_federation_relationships(message: FederationRelationship) -> None:
    with suppress(InvalidArgument):
        federation_from_wire(message)


@given(st.binary(max_size=60))
def test_status_details(data: bytes) -> None:
    assert isinstance(DetailsCodec().decode(Status.PERMISSION_DENIED, None, data), list)
