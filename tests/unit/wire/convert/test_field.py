"""Presence and masks."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from finial.errors import InvalidArgument
from finial.wire.convert.field import apply_mask, given, hidden_fields, hide, naming, wants
from finial.wire.pb.spire.api.server.agent.v1.agent_pb2 import GetAgentRequest
from finial.wire.pb.spire.api.types.agent_pb2 import Agent, AgentMask
from finial.wire.pb.spire.api.types.bundle_pb2 import Bundle, BundleMask
from finial.wire.pb.spire.api.types.entry_pb2 import Entry, EntryMask
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import (
    FederationRelationship,
    FederationRelationshipMask,
    HTTPSWebProfile,
)
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID


def test_absent_message_is_none_and_an_empty_one_is_not() -> None:
    absent = GetAgentRequest()
    empty = GetAgentRequest(id=SPIFFEID())
    assert given(absent, "id", absent.id) is None
    assert given(empty, "id", empty.id) == SPIFFEID()


def test_no_mask_shows_everything() -> None:
    message = Entry(id="e1", hint="internal", admin=True)
    assert apply_mask(message, None) == Entry(id="e1", hint="internal", admin=True)
    assert wants(None, "hint")


def test_empty_mask_leaves_the_id() -> None:
    message = Entry(id="e1", hint="internal", spiffe_id=SPIFFEID(path="/x"), dns_names=["a"])
    assert apply_mask(message, EntryMask()) == Entry(id="e1")


def test_mask_keeps_what_it_selects() -> None:
    message = Agent(id=SPIFFEID(path="/x"), banned=True, agent_version="1.15.3")
    assert apply_mask(message, AgentMask(banned=True)) == Agent(id=SPIFFEID(path="/x"), banned=True)


def test_mask_of_a_oneof_hides_whichever_is_set() -> None:
    message = FederationRelationship(
        trust_domain="a.test", bundle_endpoint_url="https://a.test", https_web=HTTPSWebProfile()
    )
    shown = apply_mask(message, FederationRelationshipMask(bundle_endpoint_url=True))
    assert shown == FederationRelationship(trust_domain="a.test", bundle_endpoint_url="https://a.test")


def test_hidden_fields_serve_a_whole_list() -> None:
    hidden = hidden_fields(EntryMask(hint=True))
    assert "hint" not in hidden
    assert [hide(Entry(id=name, hint="h", admin=True), hidden) for name in "ab"] == [
        Entry(id="a", hint="h"),
        Entry(id="b", hint="h"),
    ]


@pytest.mark.parametrize(
    ("mask", "message"), [(EntryMask(), Entry()), (AgentMask(), Agent()), (BundleMask(), Bundle())]
)
def test_every_masked_field_is_a_field_of_the_message(mask: Message, message: Message) -> None:
    known = {one.name for one in message.DESCRIPTOR.fields}
    assert {one.name for one in mask.DESCRIPTOR.fields} < known


def test_fault_is_named_and_keeps_its_kind() -> None:
    with (
        pytest.raises(InvalidArgument, match=r"^invalid agent ID: path is empty$"),
        naming("invalid agent ID"),
    ):
        raise InvalidArgument("path is empty")
