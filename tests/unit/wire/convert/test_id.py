"""IDs and selectors of requests: what SPIRE 1.15 answered, word for word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.id import (
    agent_id_from_request,
    check_workload_id,
    id_from_wire,
    id_to_wire,
    member_id_from_request,
    selectors_from_wire,
    trust_domains_from_wire,
    workload_id_from_request,
)
from finial.wire.pb.spire.api.types.selector_pb2 import Selector
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

EXAMPLE = TrustDomain.parse("example.org")
CHARACTERS = "path segment characters are limited to letters, numbers, dots, dashes, and underscores"
Reader = Callable[[SPIFFEID | None, TrustDomain], SpiffeId]


@pytest.mark.parametrize(
    ("trust_domain", "path", "why"),
    [
        ("", "/x", "trust domain is missing"),
        (
            "EXAMPLE.org",
            "/x",
            "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
        ),
        ("example.org", "x", "path must have a leading slash"),
        ("example.org", "/", "path cannot have a trailing slash"),
        ("example.org", "/x/", "path cannot have a trailing slash"),
        ("example.org", "/a//b", "path cannot contain empty segments"),
        ("example.org", "/a/./b", "path cannot contain dot segments"),
        ("example.org", "/a/../b", "path cannot contain dot segments"),
        ("example.org", "/a b", CHARACTERS),
        ("example.org", "/a%20b", CHARACTERS),
        ("example.org", "/ü", CHARACTERS),
    ],
)
@pytest.mark.parametrize("read", [member_id_from_request, agent_id_from_request, workload_id_from_request])
def test_malformed_id_is_refused_in_spires_words(
    read: Reader, trust_domain: str, path: str, why: str
) -> None:
    with pytest.raises(InvalidArgument) as found:
        read(SPIFFEID(trust_domain=trust_domain, path=path), EXAMPLE)
    assert str(found.value) == why


@pytest.mark.parametrize(
    ("read", "trust_domain", "path", "why"),
    [
        (
            member_id_from_request,
            "other.test",
            "/x",
            '"spiffe://other.test/x" is not a member of trust domain "example.org"',
        ),
        (
            member_id_from_request,
            "example.org",
            "",
            '"spiffe://example.org" is not a member of trust domain "example.org"; path is empty',
        ),
        (
            workload_id_from_request,
            "other.test",
            "/x",
            '"spiffe://other.test/x" is not a member of trust domain "example.org"',
        ),
        (
            workload_id_from_request,
            "example.org",
            "",
            '"spiffe://example.org" is not a workload in trust domain "example.org"; path is empty',
        ),
        (
            workload_id_from_request,
            "example.org",
            "/spire/server",
            '"spiffe://example.org/spire/server" is not a workload in trust domain "example.org"; '
            "path is in the reserved namespace",
        ),
        (
            agent_id_from_request,
            "other.test",
            "/spire/agent/x",
            '"spiffe://other.test/spire/agent/x" is not a member of trust domain "example.org"',
        ),
        (
            agent_id_from_request,
            "example.org",
            "",
            '"spiffe://example.org" is not an agent in trust domain "example.org"; path is empty',
        ),
        (
            agent_id_from_request,
            "example.org",
            "/spire/agent",
            '"spiffe://example.org/spire/agent" is not an agent in trust domain "example.org"; '
            "path is not in the agent namespace",
        ),
        (
            agent_id_from_request,
            "example.org",
            "/workload",
            '"spiffe://example.org/workload" is not an agent in trust domain "example.org"; '
            "path is not in the agent namespace",
        ),
    ],
)
def test_id_of_the_wrong_kind_is_refused_in_spires_words(
    read: Reader, trust_domain: str, path: str, why: str
) -> None:
    with pytest.raises(InvalidArgument) as found:
        read(SPIFFEID(trust_domain=trust_domain, path=path), EXAMPLE)
    assert str(found.value) == why


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (member_id_from_request, "/spire/server"),
        (member_id_from_request, "/spire/agent/x"),
        (workload_id_from_request, "/web"),
        (agent_id_from_request, "/spire/agent/join_token/x"),
    ],
)
def test_id_of_the_right_kind_is_taken(read: Reader, path: str) -> None:
    assert read(SPIFFEID(trust_domain="example.org", path=path), EXAMPLE) == SpiffeId(EXAMPLE, path)


def test_absent_id_is_told_from_an_empty_one() -> None:
    with pytest.raises(InvalidArgument, match=r"^request must specify SPIFFE ID$"):
        id_from_wire(None)
    with pytest.raises(InvalidArgument, match=r"^trust domain is missing$"):
        id_from_wire(SPIFFEID())


def test_trust_domain_of_a_request_may_carry_the_scheme() -> None:
    found = id_from_wire(SPIFFEID(trust_domain="spiffe://example.org", path="/web"))
    assert id_to_wire(found) == SPIFFEID(trust_domain="example.org", path="/web")


def test_workload_id_of_a_request_for_signing_is_checked_by_itself() -> None:
    with pytest.raises(InvalidArgument, match="not a member of trust domain"):
        check_workload_id(SpiffeId.parse("spiffe://other.test/x"), EXAMPLE)


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        (Selector(value="uid:1"), "missing selector type"),
        (Selector(), "missing selector type"),
        (Selector(type="unix:uid", value="1"), "selector type contains ':'"),
        (Selector(type="unix"), "missing selector value"),
    ],
)
def test_malformed_selector_is_refused_in_spires_words(selector: Selector, why: str) -> None:
    with pytest.raises(InvalidArgument) as found:
        selectors_from_wire([selector])
    assert str(found.value) == why


def test_repeated_selectors_are_kept_for_the_store_to_refuse() -> None:
    one = Selector(type="unix", value="uid:1")
    assert len(selectors_from_wire([one, one])) == 2


def test_trust_domains_are_taken_once_and_by_name() -> None:
    found = trust_domains_from_wire(["other.test", "spiffe://other.test", "spiffe://third.test/x"])
    assert [one.name for one in found] == ["other.test", "third.test"]
