"""When an SVID in hand is current, and what an answer holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from finial.agent.answer import Answer, HeldSvid, Identity
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import X509Svid

ID = SpiffeId.parse("spiffe://example.org/web")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = Entry("e", ID, ID, (), revision_number=2, created_at=5)
HELD = HeldSvid(X509Svid(ID, (b"leaf",), NOW, NOW, 1, b""), b"s3cret", 2, 5, 0.0)


def test_an_svid_is_current_for_the_revision_and_creation_it_was_signed_for() -> None:
    assert HELD.current_for(ENTRY)
    assert not HELD.current_for(replace(ENTRY, revision_number=3))
    assert not HELD.current_for(replace(ENTRY, created_at=6))


def test_the_own_bundle_comes_first() -> None:
    own, other = Bundle(TrustDomain("example.org")), Bundle(TrustDomain("a.test"))
    assert Answer((), own, (other,)).bundles == (own, other)


def test_an_answer_has_expired_with_the_last_of_its_svids() -> None:
    later = NOW + timedelta(minutes=1)
    kept = replace(HELD, svid=replace(HELD.svid, not_after=later))
    answer = Answer((Identity(ENTRY, kept), Identity(ENTRY, HELD)), Bundle(TrustDomain("example.org")))
    assert answer.expired_at(later - timedelta(seconds=1)) is None
    assert answer.expired_at(later) == later
    assert Answer((), answer.bundle).expired_at(later) is None


def test_the_key_is_in_no_representation() -> None:
    assert "s3cret" not in repr(HELD)
