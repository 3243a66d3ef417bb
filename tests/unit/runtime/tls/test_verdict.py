"""Chains that OpenSSL would accept, judged by SPIFFE's rules."""

from __future__ import annotations

import contextlib

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from finial.errors import PermissionDenied
from finial.runtime.tls.material import Material
from finial.runtime.tls.verdict import PeerRefused, judge, peer_chain, peer_id
from finial.spiffe.id import SpiffeId
from finial.testing.ca import Issued, TestCa

OURS, THEIRS = TestCa(), TestCa("other.org")
OURS_LEAF = OURS.leaf().chain[0]
TRUST = Material({"example.org": (OURS.der,), "other.org": (THEIRS.der,)})


def allow(_: SpiffeId) -> None: ...


def refused(chain: tuple[bytes, ...], material: Material = TRUST) -> str:
    with pytest.raises(PeerRefused) as caught:
        judge(chain, material, allow)
    assert caught.value.reason == str(caught.value)
    return str(caught.value)


def under(ca: TestCa, leaf: Issued) -> tuple[bytes, ...]:
    return (*leaf.chain, ca.der)


def test_member_of_each_domain_is_accepted_under_its_own_bundle() -> None:
    assert str(judge(under(OURS, OURS.leaf()), TRUST, allow).id) == "spiffe://example.org/workload"
    assert str(judge(under(THEIRS, THEIRS.leaf()), TRUST, allow).id) == "spiffe://other.org/workload"


def test_cross_domain_forgery_is_refused() -> None:
    forged = THEIRS.leaf(uris=["spiffe://example.org/workload"])
    assert refused(under(THEIRS, forged)) == (
        '"spiffe://example.org/workload" is not signed by the bundle of "example.org"'
    )


def test_domain_without_a_bundle_is_refused() -> None:
    assert "of which no bundle is held" in refused(
        under(OURS, OURS.leaf()), Material({"other.org": (THEIRS.der,)})
    )


def test_leaf_that_is_itself_in_the_bundle_vouches_for_nobody() -> None:
    leaf = OURS.leaf()
    assert "is not signed by the bundle" in refused(leaf.chain, Material({"example.org": leaf.chain}))


def test_intermediate_in_the_bundle_vouches_though_the_path_goes_on() -> None:
    middle = OURS.intermediate()
    chain = under(OURS, middle.leaf())
    assert judge(chain, Material({"example.org": (middle.der,)}), allow).chain == chain


@pytest.mark.parametrize(
    ("leaf", "why"),
    [
        (OURS.leaf(uris=[]), "0 URI SANs"),
        (OURS.leaf(uris=["spiffe://example.org/a", "spiffe://example.org/b"]), "2 URI SANs"),
        (OURS.leaf(uris=["spiffe://example.org/a", "https://example.org"]), "2 URI SANs"),
        (OURS.leaf(uris=["https://example.org/a"]), "scheme"),
        (OURS.leaf(uris=["spiffe://Example.org/a"]), "lowercase"),
        (OURS.leaf(uris=["spiffe://example.org/a/../b"]), "dot segments"),
        (OURS.leaf(uris=["spiffe://example.org/a%2fb"]), "path segment characters"),
        (OURS.leaf(""), "a path is required"),
        (OURS.leaf(ca=True), "CA flag"),
        (OURS.leaf(digital_signature=False, crl_sign=True), "digitalSignature"),
        (OURS.leaf(key_cert_sign=True), "keyCertSign"),
        (OURS.leaf(crl_sign=True), "cRLSign"),
        (OURS.leaf(extended_key_usage=[ExtendedKeyUsageOID.CODE_SIGNING]), "extended key usage"),
    ],
)
def test_leaf_that_breaks_a_rule_is_refused(leaf: Issued, why: str) -> None:
    assert why in refused(under(OURS, leaf))


def test_ca_used_as_a_leaf_is_refused() -> None:
    assert "refused" in refused((OURS.intermediate().der, OURS.der))


def test_words_of_the_authorizer_are_the_reason() -> None:
    def deny(peer: SpiffeId) -> None:
        raise PermissionDenied(f'unexpected ID "{peer}"')

    with pytest.raises(PeerRefused, match=r'^peer refused: unexpected ID "spiffe://example.org/workload"$'):
        judge(under(OURS, OURS.leaf()), TRUST, deny)


def test_broken_authorizer_lets_nobody_in() -> None:
    def broken(_: SpiffeId) -> None:
        raise KeyError("secret")

    with pytest.raises(PeerRefused, match=r"^peer refused: its check failed$"):
        judge(under(OURS, OURS.leaf()), TRUST, broken)


@given(st.lists(st.binary(max_size=200), max_size=10))
def test_bytes_that_are_no_chain_are_refused(chain: list[bytes]) -> None:
    refused(tuple(chain))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_leaf_with_a_flipped_byte_is_judged_without_another_error(at: int, flip: int) -> None:
    leaf = bytearray(OURS_LEAF)
    leaf[at % len(leaf)] ^= flip
    with contextlib.suppress(PeerRefused):
        judge((bytes(leaf), OURS.der), TRUST, allow)


def test_foreign_objects_have_no_peer() -> None:
    assert peer_id(object()) is None
    assert peer_chain(None) is None
