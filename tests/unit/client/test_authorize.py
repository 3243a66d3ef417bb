from __future__ import annotations

import pytest

from finial.client import authorize
from finial.errors import InvalidArgument, PermissionDenied
from finial.spiffe.id import SpiffeId

PAYMENT = SpiffeId.parse("spiffe://example.org/payment")
OTHER = SpiffeId.parse("spiffe://example.org/other")
FOREIGN = SpiffeId.parse("spiffe://other.test/payment")


def test_one_of_admits_exactly_the_named_ids() -> None:
    check = authorize.one_of("spiffe://example.org/payment")
    check(PAYMENT)
    for refused in (OTHER, FOREIGN):
        with pytest.raises(PermissionDenied, match="unexpected ID"):
            check(refused)


def test_one_of_nothing_admits_nobody() -> None:
    with pytest.raises(PermissionDenied):
        authorize.one_of()(PAYMENT)


def test_one_of_refuses_text_that_is_no_id() -> None:
    with pytest.raises(InvalidArgument):
        authorize.one_of("payment")


def test_member_of_looks_at_the_trust_domain_alone() -> None:
    check = authorize.member_of("example.org")
    check(PAYMENT)
    check(OTHER)
    with pytest.raises(PermissionDenied, match=r'unexpected trust domain "other\.test"'):
        check(FOREIGN)


def test_any_id_admits_all() -> None:
    authorize.any_id()(FOREIGN)


def test_matching_says_what_was_wanted() -> None:
    check = authorize.matching(lambda peer: peer.path.startswith("/pay"), "a payment service")
    check(PAYMENT)
    with pytest.raises(PermissionDenied, match="is not a payment service"):
        check(OTHER)
