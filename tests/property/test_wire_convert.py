"""Whatever our values say survives protobuf: converted, encoded, decoded and converted back it is equal,
and encoding again gives the same bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.registry.federation import HTTPS_SPIFFE, HTTPS_WEB, FederationRelationship
from finial.registry.join_token import JoinToken
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert import agent as agents
from finial.wire.convert import bundle as bundles
from finial.wire.convert import entry as entries
from finial.wire.convert import federation, stored
from finial.wire.convert import id as ids
from finial.wire.pb.spire.api.types import (
    agent_pb2,
    bundle_pb2,
    entry_pb2,
    federationrelationship_pb2,
    spiffeid_pb2,
)

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
uint64 = st.integers(0, 2**64 - 1)
text = st.text(max_size=12)
word = st.text("abcxyz019-_", min_size=1, max_size=12)
trust_domains = st.text("abcxyz019.-_", min_size=1, max_size=20).map(TrustDomain.parse)
segments = st.text("abcXYZ019-_", min_size=1, max_size=8)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
spiffe_ids = st.builds(SpiffeId.of, trust_domains, paths)
selectors = st.builds(
    Selector.of, st.text("abcxyz_", min_size=1, max_size=8), st.text(min_size=1, max_size=12)
)
# One DER SEQUENCE each: a column may hold several on end, and reading takes them apart.
sequences = st.binary(max_size=100).map(lambda content: bytes([0x30, len(content)]) + content)
jwt_authorities = st.builds(JwtAuthority, text, st.binary(max_size=20), int64, st.booleans())
bundle_values = st.builds(
    Bundle,
    trust_domains,
    st.lists(st.builds(X509Authority, sequences, st.booleans()), max_size=3).map(tuple),
    st.lists(jwt_authorities, max_size=3).map(tuple),
    st.lists(jwt_authorities, max_size=3).map(tuple),
    int64,
    uint64,
)
entry_values = st.builds(
    Entry,
    id=text,
    spiffe_id=spiffe_ids,
    parent_id=spiffe_ids,
    selectors=st.lists(selectors, max_size=3).map(tuple),
    x509_svid_ttl=int32,
    jwt_svid_ttl=int32,
    federates_with=st.lists(trust_domains, max_size=3, unique=True).map(tuple),
    dns_names=st.lists(word, max_size=3).map(tuple),
    hint=text,
    admin=st.booleans(),
    downstream=st.booleans(),
    store_svid=st.booleans(),
    expires_at=int64,
    revision_number=int64,
    created_at=int64,
    disable_x509_svid_prefetch=st.booleans(),
    jwt_svid_include_jti=st.booleans(),
)
agent_values = st.builds(
    Agent,
    id=spiffe_ids,
    attestation_type=text,
    serial_number=st.text("0123456789", max_size=30),
    expires_at=int64,
    can_reattest=st.booleans(),
    agent_version=text,
    selectors=st.lists(selectors, max_size=3).map(tuple),
)
relationships = st.one_of(
    st.builds(
        FederationRelationship,
        trust_domains,
        word.map(lambda host: f"https://{host}.example/bundle"),
        st.just(HTTPS_WEB),
    ),
    st.builds(
        FederationRelationship,
        trust_domains,
        word.map(lambda host: f"https://{host}.example:8443"),
        st.just(HTTPS_SPIFFE),
        spiffe_ids,
    ),
)
statuses = st.sampled_from(Status)
key_records = st.builds(JwtKeyRecord, text, int64, int64, text, st.binary(max_size=20), statuses, text)
journals = st.builds(
    Journal,
    st.lists(
        st.builds(
            X509CaRecord,
            text,
            int64,
            int64,
            st.binary(max_size=20),
            st.lists(st.binary(max_size=8), max_size=3).map(tuple),
            statuses,
            text,
            text,
        ),
        max_size=3,
    ).map(tuple),
    st.lists(key_records, max_size=3).map(tuple),
    st.lists(key_records, max_size=3).map(tuple),
)


@given(spiffe_ids)
def test_ids_survive(value: SpiffeId) -> None:
    data = ids.id_to_wire(value).SerializeToString()
    assert ids.id_from_wire(spiffeid_pb2.SPIFFEID.FromString(data)) == value


@given(entry_values)
def test_entries_survive(value: Entry) -> None:
    data = entries.entry_to_wire(value).SerializeToString()
    found = entries.entry_from_wire(entry_pb2.Entry.FromString(data))
    assert found == value
    assert entries.entry_to_wire(found).SerializeToString() == data


@given(bundle_values)
def test_bundles_survive(value: Bundle) -> None:
    data = bundles.bundle_to_wire(value).SerializeToString()
    found = bundles.bundle_from_wire(bundle_pb2.Bundle.FromString(data))
    assert found == value
    assert bundles.bundle_to_wire(found).SerializeToString() == data


@given(agent_values)
def test_agents_survive(value: Agent) -> None:
    data = agents.agent_to_wire(value).SerializeToString()
    found = agents.agent_from_wire(agent_pb2.Agent.FromString(data))
    assert found == value
    assert agents.agent_to_wire(found).SerializeToString() == data


@given(text, int64)
def test_join_tokens_survive(value: str, expires_at: int) -> None:
    token = JoinToken(value, expires_at)
    assert agents.join_token_from_wire(agents.join_token_to_wire(token)) == token


@given(relationships)
def test_federation_relationships_survive(value: FederationRelationship) -> None:
    data = federation.federation_to_wire(value).SerializeToString()
    message = federationrelationship_pb2.FederationRelationship.FromString(data)
    assert federation.federation_from_wire(message) == value


@given(bundle_values)
def test_stored_bundles_survive(value: Bundle) -> None:
    data = stored.bundle_to_stored(value)
    assert stored.bundle_from_stored(data) == value
    assert stored.bundle_to_stored(stored.bundle_from_stored(data)) == data


@given(entry_values)
def test_stored_attributes_survive(value: Entry) -> None:
    found = stored.attributes_from_stored(stored.attributes_to_stored(value))
    assert found == (value.disable_x509_svid_prefetch, value.jwt_svid_include_jti)


@given(journals)
def test_stored_journals_survive(value: Journal) -> None:
    data = stored.journal_to_stored(value)
    assert stored.journal_from_stored(data) == value
    assert stored.journal_to_stored(stored.journal_from_stored(data)) == data
