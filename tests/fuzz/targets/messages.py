"""Protobuf: the bytes of each message that is converted, and what other servers keep in the database."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import suppress

from google.protobuf.message import DecodeError, Message
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from tests.fuzz.mutate.message import by_message
from tests.fuzz.target import target
from tests.fuzz.targets.credentials import EXAMPLE, KEY, NOW, authority, leaf

from finial.errors import Internal, InvalidArgument
from finial.server.api.filters import agent_filter, entry_filter
from finial.wire.convert import agent, bundle, entry, federation, stored, svid
from finial.wire.convert import id as ids
from finial.wire.convert.field import apply_mask
from finial.wire.pb.google.rpc import status_pb2
from finial.wire.pb.private.server.journal import journal_pb2
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2 as agent_api
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2 as entry_api
from finial.wire.pb.spire.api.types import (
    agent_pb2,
    bundle_pb2,
    entry_pb2,
    federationrelationship_pb2,
    jointoken_pb2,
    jwtsvid_pb2,
    spiffeid_pb2,
    x509svid_pb2,
)
from finial.wire.pb.spire.common import common_pb2
from finial.wire.status import DetailsCodec, from_grpc_error, to_grpc_error

REQUEST = (InvalidArgument, DecodeError)
STORED = (Internal,)


@functools.cache
def blobs() -> tuple[bytes, ...]:
    return (authority().der, leaf().chain[0], b"".join(leaf().chain), KEY.public_key, b"")


def token() -> str:
    return KEY.sign("spiffe://example.org/workload", ["a"], NOW)


def examples() -> dict[type[Message], Message]:
    """One good message of each kind."""
    workload = spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/web")
    node = spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/spire/agent/join_token/a")
    one = bundle_pb2.Bundle(trust_domain="example.org", refresh_hint=300, sequence_number=2)
    one.x509_authorities.add(asn1=authority().der)
    one.jwt_authorities.add(public_key=KEY.public_key, key_id="k", expires_at=1_900_000_000)
    made = [
        workload,
        one,
        entry_pb2.Entry(
            id="a", spiffe_id=workload, parent_id=node, dns_names=["a.test"], federates_with=["b.test"]
        ),
        federationrelationship_pb2.FederationRelationship(
            trust_domain="b.test", bundle_endpoint_url="https://b.test/x", trust_domain_bundle=one
        ),
        agent_pb2.Agent(id=node, attestation_type="join_token", x509svid_serial_number="7"),
        jointoken_pb2.JoinToken(value="t", expires_at=1_900_000_000),
        x509svid_pb2.X509SVID(
            cert_chain=leaf().chain, id=spiffeid_pb2.SPIFFEID(trust_domain="example.org", path="/workload")
        ),
        jwtsvid_pb2.JWTSVID(token=token()),
    ]
    made[2].selectors.add(type="unix", value="uid:0")  # type: ignore[attr-defined]  # the agent has them
    return {type(message): message for message in made}


def messages(
    name: str, kind: type[Message], *reads: str, errors: tuple[type[Exception], ...] = REQUEST
) -> Callable[[Callable[..., None]], None]:
    """A target whose input is the encoding of this kind of message."""

    def listed(read: Callable[..., None]) -> None:
        def made() -> Iterable[bytes]:
            example = examples().get(kind)
            return [] if example is None else [example.SerializeToString()]

        @target(name, reads=reads, made=made, mutate=by_message(kind, blobs), errors=errors)
        def run(data: bytes) -> None:
            message = kind()
            message.ParseFromString(data)
            read(message)

    return listed


@messages("wire-id", spiffeid_pb2.SPIFFEID, "wire/convert/id.py")
def read_id(message: spiffeid_pb2.SPIFFEID) -> None:
    for read in (ids.member_id_from_request, ids.agent_id_from_request, ids.workload_id_from_request):
        with suppress(InvalidArgument):
            assert read(message, EXAMPLE).member_of(EXAMPLE)
    found = ids.id_from_wire(message)
    assert ids.id_from_wire(ids.id_to_wire(found)) == found


@messages(
    "wire-entry", entry_pb2.Entry, "wire/convert/entry.py", "wire/convert/id.py", "wire/convert/field.py"
)
def read_entry(message: entry_pb2.Entry) -> None:
    with suppress(InvalidArgument):
        found = entry.entry_from_request(message, EXAMPLE)
        assert found.spiffe_id.member_of(EXAMPLE) and not found.spiffe_id.is_reserved
    mask = entry_pb2.EntryMask(spiffe_id=True, hint=True, dns_names=message.admin)
    with suppress(InvalidArgument):
        entry.entry_changes_from_request(message, EXAMPLE, mask)
    found = entry.entry_from_wire(message)
    written = entry.entry_to_wire(found)
    assert entry.entry_from_wire(written) == found
    apply_mask(written, mask)


@messages("wire-bundle", bundle_pb2.Bundle, "wire/convert/bundle.py")
def read_bundle(message: bundle_pb2.Bundle) -> None:
    with suppress(InvalidArgument):
        bundle.x509_authorities_from_request(message.x509_authorities)
    for key in message.jwt_authorities:
        with suppress(InvalidArgument):
            bundle.jwt_authority_from_request(key)
    with suppress(InvalidArgument):
        bundle.bundle_from_request(message)
    found = bundle.bundle_from_wire(message)
    assert bundle.bundle_from_wire(bundle.bundle_to_wire(found)) == found


@messages("wire-federation", federationrelationship_pb2.FederationRelationship, "wire/convert/federation.py")
def read_federation(message: federationrelationship_pb2.FederationRelationship) -> None:
    with suppress(InvalidArgument):
        federation.federation_bundle_from_request(message, None)
    found = federation.federation_from_wire(message)
    assert federation.federation_from_wire(federation.federation_to_wire(found)) == found


@messages("wire-agent", agent_pb2.Agent, "wire/convert/agent.py")
def read_agent(message: agent_pb2.Agent) -> None:
    found = agent.agent_from_wire(message)
    assert agent.agent_from_wire(agent.agent_to_wire(found)) == found


@messages("wire-join-token", jointoken_pb2.JoinToken, "wire/convert/agent.py")
def read_join_token(message: jointoken_pb2.JoinToken) -> None:
    found = agent.join_token_from_wire(message)
    assert agent.join_token_from_wire(agent.join_token_to_wire(found)) == found


@messages("wire-x509-svid", x509svid_pb2.X509SVID, "wire/convert/svid.py")
def read_x509_svid(message: x509svid_pb2.X509SVID) -> None:
    found = svid.x509_svid_from_wire(message)
    assert svid.x509_svid_from_wire(svid.x509_svid_to_wire(found)) == found


@messages("wire-jwt-svid", jwtsvid_pb2.JWTSVID, "wire/convert/svid.py")
def read_jwt_svid(message: jwtsvid_pb2.JWTSVID) -> None:
    found = svid.jwt_svid_from_wire(message)
    assert svid.jwt_svid_from_wire(svid.jwt_svid_to_wire(found)) == found


@messages(
    "entry-filter", entry_api.ListEntriesRequest.Filter, "server/api/filters.py", errors=(*REQUEST, Internal)
)
def read_entry_filter(message: entry_api.ListEntriesRequest.Filter) -> None:
    entry_filter(message, EXAMPLE, "list")


@messages(
    "agent-filter", agent_api.ListAgentsRequest.Filter, "server/api/filters.py", errors=(*REQUEST, Internal)
)
def read_agent_filter(message: agent_api.ListAgentsRequest.Filter) -> None:
    agent_filter(message, "list")


@target(
    "status-details", reads=("wire/status.py",), mutate=by_message(status_pb2.Status), errors=(),
    words=(b"type.googleapis.com/spire.api.types.PermissionDeniedDetails",),
)  # fmt: skip
def read_details(data: bytes) -> None:
    details = DetailsCodec().decode(Status.PERMISSION_DENIED, "no", data)
    to_grpc_error(from_grpc_error(GRPCError(Status.PERMISSION_DENIED, "no", details)))


@target(
    "stored-bundle",
    reads=("wire/convert/stored.py",),
    mutate=by_message(common_pb2.Bundle, blobs),
    errors=STORED,
)
def read_stored_bundle(data: bytes) -> None:
    found = stored.bundle_from_stored(data)
    assert stored.bundle_from_stored(stored.bundle_to_stored(found)) == found


@target(
    "stored-journal",
    reads=("wire/convert/stored.py",),
    mutate=by_message(journal_pb2.Entries, blobs),
    errors=STORED,
)
def read_journal(data: bytes) -> None:
    found = stored.journal_from_stored(data)
    assert stored.journal_from_stored(stored.journal_to_stored(found)) == found


@target("stored-attributes", reads=("wire/convert/stored.py",), errors=STORED)
def read_attributes(data: bytes) -> None:
    stored.attributes_from_stored(data)
