"""Chains against roots."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from finial.errors import InvalidArgument, PermissionDenied
from finial.plugins.node.x509pop.chain import Limits, Trusted, verify
from finial.svid.certificate import read
from finial.testing.ca import TestCa

LIMITS = Limits(4, 8192)


def checked(chain: tuple[bytes, ...], *roots: TestCa, late: timedelta = timedelta()) -> Trusted:
    return verify(chain, [read(one.der) for one in roots], LIMITS, roots[0].now + late)


def test_every_path_to_a_root_is_found() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    one, other = TestCa(name="one"), TestCa(name="other")
    crossed = [TestCa(name="middle", issuer=root, private_key=key) for root in (one, other)]
    leaf = crossed[0].leaf()
    chain = (leaf.chain[0], *(middle.der for middle in crossed))
    found = checked(chain, one, other)
    assert [tuple(part.der for part in path) for path in found.paths] == [
        (chain[0], middle.der, root.der) for middle, root in zip(crossed, (one, other), strict=True)
    ]


def test_what_no_root_vouches_for_is_refused() -> None:
    ca = TestCa()
    for chain, late in (
        (TestCa().leaf().chain, timedelta()),
        (ca.leaf().chain, timedelta(days=1)),
        (ca.intermediate().leaf().chain[:1], timedelta()),
        (TestCa(issuer=ca, path_length=0).intermediate().leaf().chain, timedelta()),
    ):
        with pytest.raises(PermissionDenied, match="certificate verification failed: x509: "):
            checked(chain, ca, late=late)


def test_many_equal_intermediates_end_somewhere() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    twins = [
        TestCa(name="twin", private_key=key, issuer=TestCa(name="twin", private_key=key)) for _ in range(4)
    ]
    chain = (twins[0].leaf().chain[0], *(one.der for one in twins))
    with pytest.raises(PermissionDenied):
        checked(chain, TestCa())


def test_a_certificate_that_is_none_is_named() -> None:
    ca = TestCa()
    with pytest.raises(InvalidArgument, match="unable to parse intermediate certificate 0: x509: malformed"):
        checked((ca.leaf().chain[0], b"x"), ca)
