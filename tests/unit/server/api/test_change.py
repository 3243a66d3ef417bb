"""Pure parts of Watch; the streams are tests/playbooks/test_server_changes.py."""

from __future__ import annotations

from hashlib import sha256

from finial.registry.entry import Entry
from finial.server.api.change import leave_out_known, messages
from finial.server.watch import Change
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.pb.finial.change.v1 import change_pb2

DOMAIN, OTHER = TrustDomain("example.org"), TrustDomain("other.test")
HERE = Position(b"e" * 16, 7)


def entry(name: str, revision: int = 0) -> Entry:
    parent = SpiffeId(DOMAIN, "/spire/agent/t/1")
    return Entry(
        name,
        SpiffeId(DOMAIN, f"/{name}"),
        parent,
        (Selector("a", "b"),),
        revision_number=revision,
        created_at=5,
    )


def test_a_large_change_comes_in_parts_that_belong_together() -> None:
    change = Change([entry(str(number)) for number in range(1001)], ["gone"], [Bundle(DOMAIN)], [OTHER])
    parts = list(messages(change, HERE, snapshot=True))
    assert [(len(one.entries), one.more) for one in parts] == [(500, True), (500, True), (1, False)]
    assert [
        len(one.withdrawn_entry_ids) + len(one.bundles) + len(one.withdrawn_bundles) for one in parts
    ] == [3, 0, 0]
    assert {one.position for one in parts} == {HERE.encode()}
    assert all(one.snapshot for one in parts)


def test_a_change_without_entries_is_one_message() -> None:
    (only,) = messages(Change(withdrawn=["gone"]), HERE)
    assert list(only.withdrawn_entry_ids) == ["gone"]
    assert not only.more


def test_known_entries_are_left_out_by_revision_and_creation() -> None:
    change = Change([entry("same", 1), entry("changed", 2), entry("new")])
    opened = change_pb2.Open()
    opened.known.add(id="same", revision_number=1, created_at=5)
    opened.known.add(id="changed", revision_number=1, created_at=5)
    opened.known.add(id="withdrawn", revision_number=1, created_at=5)
    leave_out_known(change, opened)
    assert [one.id for one in change.entries] == ["changed", "new"]
    assert change.withdrawn == ["withdrawn"]


def test_known_bundles_are_left_out_by_digest() -> None:
    same, changed = Bundle(DOMAIN, sequence_number=1), Bundle(OTHER, sequence_number=2)
    opened = change_pb2.Open()
    digest = sha256(bundle_to_wire(same).SerializeToString()).digest()
    opened.known_bundles.add(trust_domain="example.org", digest=digest)
    opened.known_bundles.add(trust_domain="other.test", digest=digest)
    opened.known_bundles.add(trust_domain="gone.test")
    change = Change(bundles=[same, changed])
    leave_out_known(change, opened)
    assert change.bundles == [changed]
    assert change.withdrawn_bundles == [TrustDomain("gone.test")]
