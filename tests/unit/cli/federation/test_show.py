from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.cli.federation.show import relationship_text
from finial.testing.transcripts import Outcome
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import (
    FederationRelationship,
    HTTPSSPIFFEProfile,
    HTTPSWebProfile,
)

Call = Callable[..., Outcome]


def test_a_relationship_is_shown_under_the_labels_of_spire() -> None:
    one = FederationRelationship(trust_domain="a.test", bundle_endpoint_url="https://a.test/")
    one.https_spiffe.CopyFrom(HTTPSSPIFFEProfile(endpoint_spiffe_id="spiffe://a.test/x"))
    assert list(relationship_text(one)) == [
        "Trust domain              : a.test",
        "Bundle endpoint URL       : https://a.test/",
        "Bundle endpoint profile   : https_spiffe",
        "Endpoint SPIFFE ID        : spiffe://a.test/x",
    ]
    one.https_web.CopyFrom(HTTPSWebProfile())
    assert list(relationship_text(one))[2:] == ["Bundle endpoint profile   : https_web"]


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        ("show", "a trust domain name is required"),
        ("delete", "id is required"),
        ("refresh", "id is required"),
    ],
)
def test_which_one_is_wanted(verb: str, why: str, call: Call) -> None:
    assert call("federation", verb, program="spire-server") == Outcome(1, "", f"Error: {why}\n")
