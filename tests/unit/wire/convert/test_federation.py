"""Federation relationships of requests: what SPIRE 1.15 answered, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finial.errors import InvalidArgument
from finial.registry.federation import HTTPS_SPIFFE, HTTPS_WEB, FederationRelationship
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.federation import (
    federation_bundle_from_request,
    federation_changes_from_request,
    federation_from_wire,
    federation_to_wire,
)
from finial.wire.pb.spire.api.types import bundle_pb2
from finial.wire.pb.spire.api.types import federationrelationship_pb2 as pb

A_TEST = TrustDomain.parse("a.test")
ENDPOINT = SpiffeId.parse("spiffe://a.test/spire/server")


def web(url: str = "https://a.test/bundle", trust_domain: str = "a.test") -> pb.FederationRelationship:
    return pb.FederationRelationship(
        trust_domain=trust_domain, bundle_endpoint_url=url, https_web=pb.HTTPSWebProfile()
    )


def spiffe(endpoint: str) -> pb.FederationRelationship:
    return pb.FederationRelationship(
        trust_domain="a.test",
        bundle_endpoint_url="https://a.test:8443",
        https_spiffe=pb.HTTPSSPIFFEProfile(endpoint_spiffe_id=endpoint),
    )


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (web(trust_domain=""), "failed to parse trust domain: trust domain is missing"),
        (web(url=""), "bundle endpoint URL must use the https scheme"),
        (web(url="http://a.test"), "bundle endpoint URL must use the https scheme"),
        (web(url="a.test/bundle"), "bundle endpoint URL must use the https scheme"),
        (web(url="https:///bundle"), "bundle endpoint URL must specify the host"),
        (web(url="https://me@a.test/bundle"), "bundle endpoint URL must not contain user info"),
        (
            web(url="https://a b"),
            'failed to parse bundle endpoint URL: parse "https://a b": invalid character " " in host name',
        ),
        (
            pb.FederationRelationship(trust_domain="a.test", bundle_endpoint_url="https://a.test"),
            "unsupported bundle endpoint profile type: <nil>",
        ),
        (spiffe(""), "failed to parse endpoint SPIFFE ID: cannot be empty"),
        (spiffe("a.test/x"), "failed to parse endpoint SPIFFE ID: scheme is missing or invalid"),
    ],
)
def test_faulty_relationship_is_refused_in_spires_words(message: pb.FederationRelationship, why: str) -> None:
    with pytest.raises(InvalidArgument) as found:
        federation_from_wire(message)
    assert str(found.value) == why


@pytest.mark.parametrize("port", ["0x10", "99999"])
def test_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^failed to parse bundle endpoint URL: "):
        federation_from_wire(web(url=f"https://a.test:{port}/"))


def test_both_profiles_are_taken() -> None:
    assert federation_from_wire(web()) == FederationRelationship(A_TEST, "https://a.test/bundle", HTTPS_WEB)
    assert federation_from_wire(spiffe(str(ENDPOINT))) == FederationRelationship(
        A_TEST, "https://a.test:8443", HTTPS_SPIFFE, ENDPOINT
    )


def test_update_judges_only_what_the_mask_selects() -> None:
    message = pb.FederationRelationship(trust_domain="a.test", https_web=pb.HTTPSWebProfile())
    mask = pb.FederationRelationshipMask(bundle_endpoint_profile=True)
    stored = FederationRelationship(A_TEST, "https://a.test:8443", HTTPS_SPIFFE, ENDPOINT)
    updated = replace(stored, **federation_changes_from_request(message, mask))
    assert updated == FederationRelationship(A_TEST, "https://a.test:8443", HTTPS_WEB)
    assert federation_changes_from_request(message, pb.FederationRelationshipMask()) == {}


def test_bundle_comes_along() -> None:
    shown = federation_to_wire(federation_from_wire(web()), Bundle(A_TEST, sequence_number=3))
    assert shown.trust_domain_bundle == bundle_pb2.Bundle(trust_domain="a.test", sequence_number=3)
    assert federation_bundle_from_request(shown, None) == Bundle(A_TEST, sequence_number=3)
    assert federation_bundle_from_request(shown, pb.FederationRelationshipMask()) is None
    assert federation_bundle_from_request(web(), None) is None


def test_bundle_of_another_trust_domain_is_refused() -> None:
    message = web()
    message.trust_domain_bundle.trust_domain = "b.test"
    with pytest.raises(InvalidArgument, match=r'^trust domain bundle \("b.test"\) must match'):
        federation_bundle_from_request(message, None)
