"""Entries of requests: what SPIRE 1.15 answered, word for word, and which fields an update sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.entry import (
    entry_changes_from_request,
    entry_from_request,
    entry_from_wire,
    entry_to_wire,
)
from finial.wire.pb.spire.api.types.entry_pb2 import Entry, EntryMask
from finial.wire.pb.spire.api.types.selector_pb2 import Selector
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

EXAMPLE = TrustDomain.parse("example.org")


def least() -> Entry:
    return Entry(
        spiffe_id=SPIFFEID(trust_domain="example.org", path="/web"),
        parent_id=SPIFFEID(trust_domain="example.org", path="/node"),
        selectors=[Selector(type="unix", value="uid:1000")],
    )


def changed(**fields: object) -> Entry:
    message = least()
    for name in fields:
        message.ClearField(name)
    message.MergeFrom(Entry(**fields))  # type: ignore[arg-type]
    return message


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Entry(), "invalid parent ID: request must specify SPIFFE ID"),
        (changed(spiffe_id=None), "invalid spiffe ID: request must specify SPIFFE ID"),
        (changed(parent_id=None), "invalid parent ID: request must specify SPIFFE ID"),
        (changed(selectors=[]), "selector list is empty"),
        (
            changed(spiffe_id=SPIFFEID(trust_domain="example.org", path="x")),
            "invalid spiffe ID: path must have a leading slash",
        ),
        (
            changed(parent_id=SPIFFEID(trust_domain="other.test", path="/x")),
            'invalid parent ID: "spiffe://other.test/x" is not a member of trust domain "example.org"',
        ),
        (
            changed(spiffe_id=SPIFFEID(trust_domain="example.org", path="/spire/x")),
            'invalid spiffe ID: "spiffe://example.org/spire/x" is not a workload in trust domain "example.org"; '
            "path is in the reserved namespace",
        ),
        (changed(selectors=[Selector(type="unix")]), "missing selector value"),
        (changed(dns_names=[""]), "invalid DNS name: empty or only whitespace"),
        (changed(dns_names=["a.*.test"]), "invalid DNS name: wildcard must be first label"),
        (changed(dns_names=["a.test."]), "invalid DNS name: domain ends with dot"),
        (changed(dns_names=["ü.test"]), "invalid DNS name: name must be ascii"),
        (changed(dns_names=["a..b"]), 'invalid DNS name: idna error\nidna: invalid label "a..b"'),
        (changed(federates_with=[""]), "invalid federated trust domain: trust domain is missing"),
        (changed(hint="h" * 1025), "hint is too long, max length is 1024 characters"),
    ],
)
def test_faulty_entry_is_refused_in_spires_words(message: Entry, why: str) -> None:
    with pytest.raises(InvalidArgument) as found:
        entry_from_request(message, EXAMPLE)
    assert str(found.value) == why


def test_least_entry_is_taken_with_defaults() -> None:
    entry = entry_from_request(least(), EXAMPLE)
    assert entry_to_wire(entry) == least()


def test_what_only_the_store_sets_is_not_taken_from_a_request() -> None:
    entry = entry_from_request(changed(id="mine", revision_number=7, created_at=5), EXAMPLE)
    assert (entry.id, entry.revision_number, entry.created_at) == ("mine", 0, 0)


def test_agent_and_server_may_be_parents() -> None:
    for path in ("/spire/server", "/spire/agent/join_token/x"):
        message = changed(parent_id=SPIFFEID(trust_domain="example.org", path=path))
        assert entry_from_request(message, EXAMPLE).parent_id.path == path


def test_attributes_are_absent_on_the_wire_unless_one_is_set() -> None:
    entry = entry_from_request(least(), EXAMPLE)
    assert not entry_to_wire(entry).HasField("additional_attributes")
    assert entry_to_wire(
        replace(entry, jwt_svid_include_jti=True)
    ).additional_attributes == Entry.AdditionalAttributes(jwt_svid_include_jti=True)


def test_update_without_a_mask_sets_every_field() -> None:
    changes = entry_changes_from_request(least(), EXAMPLE, None)
    stored = entry_from_wire(changed(id="e1", hint="old", dns_names=["old.test"], revision_number=3))
    updated = replace(stored, **changes)
    assert (updated.hint, updated.dns_names, updated.revision_number) == ("", (), 3)


def test_update_with_an_empty_mask_sets_nothing_and_judges_nothing() -> None:
    assert entry_changes_from_request(Entry(id="e1"), EXAMPLE, EntryMask()) == {}


@pytest.mark.parametrize(
    ("mask", "fields"),
    [
        (EntryMask(hint=True), {"hint"}),
        (EntryMask(x509_svid_ttl=True, jwt_svid_ttl=True), {"x509_svid_ttl", "jwt_svid_ttl"}),
        (EntryMask(dns_names=True, federates_with=True), {"dns_names", "federates_with"}),
        (EntryMask(revision_number=True, created_at=True), set()),
        (
            EntryMask(additional_attributes=True),
            {"disable_x509_svid_prefetch", "jwt_svid_include_jti"},
        ),
        (EntryMask(admin=True, downstream=True, store_svid=True, expires_at=True),
         {"admin", "downstream", "store_svid", "expires_at"}),
    ],
)  # fmt: skip
def test_update_sets_what_the_mask_selects(mask: EntryMask, fields: set[str]) -> None:
    assert set(entry_changes_from_request(least(), EXAMPLE, mask)) == fields


def test_update_judges_what_the_mask_selects() -> None:
    with pytest.raises(InvalidArgument, match=r"^selector list is empty$"):
        entry_changes_from_request(Entry(id="e1"), EXAMPLE, EntryMask(selectors=True))
    with pytest.raises(InvalidArgument, match=r"^invalid spiffe ID: request must specify SPIFFE ID$"):
        entry_changes_from_request(Entry(id="e1"), EXAMPLE, EntryMask(spiffe_id=True))
