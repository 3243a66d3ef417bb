from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.console import Console
from finial.cli.federation.change import read_bundle, read_relationships, show_results
from finial.errors import Internal, InvalidArgument
from finial.spiffe import bundle_document
from finial.testing.ca import TestCa
from finial.testing.transcripts import Outcome
from finial.wire.pb.spire.api.server.trustdomain.v1 import trustdomain_pb2 as wire
from finial.wire.pb.spire.api.types.federationrelationship_pb2 import FederationRelationship, HTTPSWebProfile
from finial.wire.pb.spire.api.types.status_pb2 import Status

Call = Callable[..., Outcome]
Result = wire.BatchCreateFederationRelationshipResponse.Result
ROOT = TestCa("other.test").der
URL = "-bundleEndpointURL https://x.test/"
SPIFFE = f"-trustDomain x.test {URL} -bundleEndpointProfile https_spiffe"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "trust domain is required"),
        ("-trustDomain x.test", "bundle endpoint URL is required"),
        (f"-trustDomain x.test {URL}", 'unknown bundle endpoint profile type: ""'),
        (SPIFFE, "endpoint SPIFFE ID is required if 'https_spiffe' endpoint profile is set"),
        (
            f"{SPIFFE} -endpointSpiffeID bad",
            "cannot parse bundle endpoint SPIFFE ID: scheme is missing or invalid",
        ),
        (
            f"{SPIFFE} -endpointSpiffeID spiffe://x.test/y -trustDomainBundlePath /absent",
            "cannot read bundle file: open /absent: no such file or directory",
        ),
        (
            f"{URL} -data -",
            "cannot use other flags to specify relationship fields when 'data' flag is set",
        ),
    ],
)
def test_what_is_missing_is_told_in_the_words_of_spire(typed: str, why: str, call: Call) -> None:
    for verb in ("create", "update"):
        got = call("federation", verb, *typed.split(), program="spire-server")
        assert got == Outcome(1, "", f"Error: {why}\n")


def test_an_empty_file_asks_for_nothing(tmp_path: Path, call: Call) -> None:
    (tmp_path / "empty.json").write_text("{}")
    assert call("federation", "create", "-data", str(tmp_path / "empty.json")) == Outcome(0, "", "")


def test_relationships_of_a_file_may_hold_their_bundles() -> None:
    row = {
        "trustDomain": "a.test",
        "bundleEndpointURL": "https://a.test/",
        "bundleEndpointProfile": "https_web",
    }
    pem = bundle_document.encode_pem([ROOT]).decode()
    text = json.dumps({"federationRelationships": [row, row | {"trustDomainBundle": pem}]})
    plain, with_bundle = read_relationships(text, "f")
    assert not plain.HasField("trust_domain_bundle")
    assert with_bundle.trust_domain_bundle.trust_domain == "a.test"
    assert [one.asn1 for one in with_bundle.trust_domain_bundle.x509_authorities] == [ROOT]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{nope}", "failed to parse JSON: invalid character 'n' looking for beginning of object key string"),
        ('{"federationRelationships": 1}', "is not a list of objects"),
        ('{"federationRelationships": [{}]}', "could not parse item 0: trust domain is required"),
        (
            '{"federationRelationships": [{"trustDomain": 1}]}',
            "could not parse item 0: text is wanted, not 1",
        ),
    ],
)
def test_a_wrong_file_is_told_with_the_item(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read_relationships(text, "f")
    assert why in caught.value.message


def test_a_bundle_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="unable to parse bundle data: no PEM blocks"):
        read_bundle("{}", "pem", "a.test")


def test_what_was_not_done_is_told_after_what_was(console: Console) -> None:
    asked = [
        FederationRelationship(trust_domain=name, bundle_endpoint_url="u", https_web=HTTPSWebProfile())
        for name in ("bad.test", "good.test")
    ]
    results = [
        Result(status=Status(code=13, message='"why"')),
        Result(federation_relationship=asked[1]),
    ]
    with pytest.raises(Internal, match="failed to create one or more federation relationships"):
        show_results(results, asked, "create", console)
    assert isinstance(console.stdout, io.StringIO)
    assert isinstance(console.stderr, io.StringIO)
    assert console.stdout.getvalue().startswith("\nTrust domain              : good.test\n")
    assert console.stderr.getvalue().startswith(
        'Failed to create the following federation relationship (code: Internal, msg: "\\"why\\""):\n'
        "Trust domain              : bad.test\n"
    )
