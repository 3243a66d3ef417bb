"""SPIFFE values: what is read writes back to the same text, and nothing else is read."""

from __future__ import annotations

import json
import string
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from finial.errors import InvalidArgument
from finial.spiffe.bundle import Bundle
from finial.spiffe.bundle_document import encode, encode_pem, parse, parse_jwks, parse_pem
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa

DOMAIN = TrustDomain("example.org")
CA = TestCa()
NAMES = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=255)
SEGMENTS = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=40).filter(
    lambda segment: segment not in (".", "..")
)
PATHS = st.lists(SEGMENTS, max_size=20).map(lambda segments: "".join(f"/{one}" for one in segments))
NEARLY_IDS = st.text("spiffe:/ab.%?#\\@A é\x00", max_size=30).map(lambda tail: f"spiffe://{tail}")
DOCUMENT = encode(Bundle(DOMAIN, tuple(parse_pem(encode_pem([CA.der]), DOMAIN).x509_authorities)))


@settings(deadline=None)
@given(NAMES, PATHS)
def test_every_well_formed_id_round_trips(name: str, path: str) -> None:
    text = f"spiffe://{name}{path}"
    made = SpiffeId.parse(text)
    assert (made.trust_domain.name, made.path, str(made)) == (name, path, text)
    assert TrustDomain.parse(text) == TrustDomain.parse(name) == made.trust_domain


@settings(deadline=None)
@given(st.text() | NEARLY_IDS)
def test_any_text_is_an_id_that_writes_back_or_our_error(text: str) -> None:
    with suppress(InvalidArgument):
        assert str(SpiffeId.parse(text)) == text


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_selector_that_writes_back_or_our_error(text: str) -> None:
    try:
        assert str(Selector.parse(text)) == text
    except InvalidArgument:
        assert not text.partition(":")[0] or not text.partition(":")[2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["keys", "use", "kty", "x5c", "kid", "x", "y", "crv", "n", "e"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_bundle_or_our_error(data: bytes) -> None:
    for read in (parse, parse_jwks, parse_pem):
        with suppress(InvalidArgument):
            assert read(data, DOMAIN).trust_domain == DOMAIN


@settings(deadline=None)
@given(st.integers(0, len(DOCUMENT) - 1), st.integers(0, 255))
def test_a_changed_byte_of_a_document_is_our_error_or_a_bundle_that_round_trips(
    index: int, byte: int
) -> None:
    changed = bytearray(DOCUMENT)
    changed[index] = byte
    try:
        bundle = parse(bytes(changed), DOMAIN)
    except InvalidArgument:
        return
    assert parse(encode(bundle), DOMAIN) == bundle
