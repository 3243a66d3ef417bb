from __future__ import annotations

import pytest

from finial.client.identity import federated_bundles, x509_context
from finial.errors import FinialError, InvalidArgument, NotFound
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.workload import svid
from finial.wire.pb.spiffe.workload.workload_pb2 import X509SVIDResponse

CA = TestCa()
OTHER = TestCa("other.test")


def answer(**changes: object) -> X509SVIDResponse:
    message = svid(CA, "/web", CA.leaf("/web"))
    for name, value in changes.items():
        setattr(message, name, value)
    return X509SVIDResponse(svids=[message, svid(CA, "/api", CA.leaf("/api"), "internal")])


def test_reads_identities_in_order_and_bundles_of_all_domains() -> None:
    message = answer()
    message.federated_bundles["spiffe://other.test"] = OTHER.der
    context = x509_context(message)
    assert [str(one.id) for one in context.identities] == [
        "spiffe://example.org/web",
        "spiffe://example.org/api",
    ]
    assert str(context.default.id) == "spiffe://example.org/web"
    own = context.bundles.get(TrustDomain("example.org"))
    other = context.bundles.get(TrustDomain("other.test"))
    assert own is not None
    assert other is not None
    assert own.x509_roots == (CA.der,)
    assert other.x509_roots == (OTHER.der,)


def test_keeps_the_chain_with_its_intermediates() -> None:
    below = CA.intermediate()
    message = X509SVIDResponse(svids=[svid(below, "/web", below.leaf("/web"))])
    assert len(x509_context(message).default.svid.chain) == 2


def test_finds_an_identity_by_its_hint() -> None:
    context = x509_context(answer())
    assert str(context.hinted("internal").id) == "spiffe://example.org/api"
    with pytest.raises(NotFound, match='no identity has the hint "external": there are "internal"'):
        context.hinted("external")


def test_the_key_is_not_in_the_text_of_an_identity() -> None:
    identity = x509_context(answer()).default
    assert repr(identity.key) not in repr(identity)
    assert "svid" in repr(identity)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"x509_svid": b""}, "chain is empty"),
        ({"x509_svid": b"junk"}, "identity"),
        ({"x509_svid_key": b""}, "private key is missing"),
        ({"spiffe_id": "spiffe://example.org/else"}, 'certificate is of "spiffe://example.org/web"'),
        ({"spiffe_id": "nonsense"}, "scheme is missing"),
        ({"bundle": b"\x30\x05ab"}, "malformed"),
    ],
)
def test_an_answer_that_breaks_a_rule_is_refused_whole(changes: dict[str, object], why: str) -> None:
    with pytest.raises(FinialError, match=why):
        x509_context(answer(**changes))


def test_an_answer_without_identities_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="no identity"):
        x509_context(X509SVIDResponse())


def test_bundles_are_keyed_with_or_without_the_scheme() -> None:
    found = federated_bundles({"spiffe://a.test": CA.der, "b.test": OTHER.der + CA.der})
    assert {str(domain): len(bundle.x509_roots) for domain, bundle in found.items()} == {
        "a.test": 1,
        "b.test": 2,
    }
