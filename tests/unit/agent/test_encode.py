"""Messages of the Workload API, shared and not sent twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from finial.agent.answer import Answer, HeldSvid, Identity, View
from finial.agent.encode import jwt_bundles, x509_bundles, x509_svids
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import X509Svid
from finial.testing.jwt import TestJwtKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = SpiffeId.parse("spiffe://example.org/web")
KEY = TestJwtKey()
OWN = Bundle(
    TrustDomain("example.org"),
    (X509Authority(b"one"), X509Authority(b"two")),
    (JwtAuthority(KEY.key_id, KEY.public_key),),
)
OTHER = Bundle(TrustDomain("other.test"), (X509Authority(b"three"),))
HELD = HeldSvid(X509Svid(ID, (b"leaf", b"ca"), NOW, NOW, 1, b""), b"key", 0, 0, 0.0)
ANSWER = Answer((Identity(Entry("e", ID, ID, (), hint="h"), HELD),), OWN, (OTHER,))


def test_an_x509_svid_is_chain_key_and_roots_in_der() -> None:
    message = x509_svids(View(frozenset()), ANSWER)
    (svid,) = message.svids
    assert (svid.spiffe_id, svid.hint) == ("spiffe://example.org/web", "h")
    assert (svid.x509_svid, svid.x509_svid_key, svid.bundle) == (b"leafca", b"key", b"onetwo")
    assert dict(message.federated_bundles) == {"spiffe://other.test": b"three"}


def test_bundles_are_named_by_uri_and_others_are_for_those_with_an_identity() -> None:
    view = View(frozenset())
    expected = {"spiffe://example.org": b"onetwo", "spiffe://other.test": b"three"}
    assert dict(x509_bundles(view, ANSWER).bundles) == expected
    assert list(x509_bundles(View(frozenset()), replace(ANSWER, identities=())).bundles) == [
        "spiffe://example.org"
    ]


def test_jwt_bundles_are_key_sets_without_use() -> None:
    keys = json.loads(jwt_bundles(View(frozenset()), ANSWER).bundles["spiffe://example.org"])["keys"]
    assert [one["kid"] for one in keys] == [KEY.key_id]
    assert "use" not in keys[0]


def test_callers_of_a_view_share_the_message_and_an_equal_one_is_the_same() -> None:
    view = View(frozenset())
    first = x509_bundles(view, ANSWER)
    assert x509_bundles(view, ANSWER) is first
    jwt_changed = replace(ANSWER, bundle=replace(OWN, jwt_authorities=()))
    assert x509_bundles(view, jwt_changed) is first
    assert x509_bundles(view, replace(ANSWER, federated=())) is not first
