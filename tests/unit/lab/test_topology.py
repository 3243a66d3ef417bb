from __future__ import annotations

import pytest

from finial.errors import NotFound
from finial.lab.topology import LAB, Call, selector_of
from finial.spiffe.id import SpiffeId


def test_identities_and_lifetimes_are_those_of_the_issue() -> None:
    assert {str(LAB.id_of(one.name)): one.ttl for one in LAB.services} == {
        "spiffe://example.org/ns/production/sa/user-service": 1200,
        "spiffe://example.org/ns/production/sa/payment-api": 600,
        "spiffe://example.org/ns/production/sa/inventory-service": 1800,
    }
    assert str(LAB.node) == "spiffe://example.org/lab/node"
    assert str(selector_of("payment-api")) == "launcher:service:payment-api"


def test_each_service_calls_all_others_and_is_denied_where_it_is_not_admitted() -> None:
    assert LAB.calls_of("user-service") == (
        Call("payment-api", "/charges", denied=False),
        Call("inventory-service", "/stock", denied=False),
    )
    assert [one.denied for one in LAB.calls_of("inventory-service")] == [True, True]


def test_admitted_callers_are_services_of_the_topology() -> None:
    for one in LAB.services:
        assert one.admits <= set(LAB.names) - {one.name}


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        ("spiffe://example.org/ns/production/sa/user-service", "user-service"),
        ("spiffe://example.org/ns/staging/sa/user-service", ""),
        ("spiffe://other.example/ns/production/sa/user-service", ""),
        ("spiffe://example.org/ns/production/sa/x/user-service", ""),
        ("spiffe://example.org", ""),
    ],
)
def test_a_name_is_told_of_ids_of_this_namespace_only(caller: str, name: str) -> None:
    assert LAB.name_of(SpiffeId.parse(caller)) == name


def test_one_lifetime_for_all() -> None:
    assert {one.ttl for one in LAB.with_ttl(10).services} == {10}
    assert LAB.with_ttl(10).service("payment-api").route == "/charges"


def test_an_unknown_service_is_told_with_those_there_are() -> None:
    with pytest.raises(NotFound, match='no service is called "web": there are user-service, payment-api'):
        LAB.service("web")
