"""Credentials from foreign hands: our error or a value, and never a changed one that verifies."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finial.errors import FinialError, Unauthenticated
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr, jwt, x509
from finial.svid.certificate import read
from finial.svid.verify import verify_x509
from finial.testing.ca import TestCa

# pyca warns of odd certificates where it does not refuse them; what matters is what we answer.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CA = TestCa()
BELOW = CA.intermediate()
LEAF = BELOW.leaf(dns=("a.test",))
TRUST = BundleSet.of(Bundle(TrustDomain("example.org"), (X509Authority(CA.der),)))
CSR = csr.create(LEAF.private_key, dns_names=("a.test",))
Edit = tuple[int, int, int]  # which byte, what kind of edit, which value
EDITS = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 2), st.integers(0, 255)), min_size=1, max_size=4
)


def edited(data: bytes, edits: list[Edit]) -> bytes:
    """Bytes changed, inserted or taken out."""
    changed = bytearray(data)
    for position, kind, value in edits:
        index = position % max(1, len(changed))
        if kind == 0 and changed:
            changed[index] = value
        elif kind == 1:
            changed.insert(index, value)
        else:
            del changed[index : index + 1]
    return bytes(changed)


@settings(deadline=None)
@given(EDITS)
def test_edited_leaf_is_refused(edits: list[Edit]) -> None:
    leaf = edited(LEAF.chain[0], edits)
    if leaf == LEAF.chain[0]:
        return
    with pytest.raises(FinialError):
        verify_x509((leaf, *LEAF.chain[1:]), TRUST, CA.now)


@settings(deadline=None)
@given(EDITS)
def test_edited_intermediate_is_refused(edits: list[Edit]) -> None:
    below = edited(LEAF.chain[1], edits)
    if below == LEAF.chain[1]:
        return
    with pytest.raises(FinialError):
        verify_x509((LEAF.chain[0], below), TRUST, CA.now)


@settings(deadline=None)
@given(EDITS)
def test_edited_root_vouches_for_nothing_else(edits: list[Edit]) -> None:
    """A root is trusted for its key and name: an edit elsewhere may leave it usable, never crash."""
    bundles = BundleSet.of(Bundle(TrustDomain("example.org"), (X509Authority(edited(CA.der, edits)),)))
    with suppress(Unauthenticated):
        assert str(verify_x509(LEAF.chain, bundles, CA.now).id) == "spiffe://example.org/workload"


@settings(deadline=None)
@given(st.binary(max_size=200) | EDITS.map(lambda edits: edited(CSR, edits)))
def test_any_request_is_read_or_our_error(data: bytes) -> None:
    try:
        request = csr.parse(data)
        request.names()
        request.check_signature()
    except FinialError:
        return
    assert request.public_key == csr.parse(CSR).public_key


@settings(deadline=None)
@given(st.binary(max_size=300) | EDITS.map(lambda edits: edited(b"".join(LEAF.chain), edits)))
def test_any_bytes_come_apart_or_are_our_error(data: bytes) -> None:
    try:
        parts = x509.split_der(data)
    except FinialError:
        return
    assert b"".join(parts) == data
    for part in parts:
        with suppress(FinialError):
            assert read(part).der == part


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


MEMBERS = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "sub", "aud", "exp", "iat", "nbf", "iss"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["ES256", "JWT", "k", "spiffe://example.org/w"]), st.lists(st.text(max_size=3), max_size=3),
)  # fmt: skip
OBJECTS = st.dictionaries(MEMBERS, VALUES)
TOKENS = st.tuples(OBJECTS, OBJECTS).map(lambda pair: f"{encoded(pair[0])}.{encoded(pair[1])}.AAAA")


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("eyJ0.-_=", max_size=60) | TOKENS)
def test_any_text_is_a_token_or_our_error_and_never_trusted(token: str) -> None:
    with suppress(FinialError):
        svid = jwt.parse_unverified(token)
        assert svid.audience and svid.key_id and svid.expires_at >= 0
    with pytest.raises(FinialError):
        jwt.verify(token, TRUST, "a", 0)
