from __future__ import annotations

import pytest

from finial.errors import Internal, InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store.rows import Reading

IDS = [
    "spiffe://example.org",
    "spiffe://example.org/a/B-1._/c",
    "spiffe://example.org/a/...",
    "spiffe://example.org/" + "a" * 2027,
    "spiffe://example.org/" + "a" * 2028,
    "spiffe://example.org/",
    "spiffe://example.org/a/",
    "spiffe://example.org//a",
    "spiffe://example.org/a/./b",
    "spiffe://example.org/a/..",
    "spiffe://example.org/a\n",
    "spiffe://Example.org/a",
    "spiffe:///a",
    "spiffe://" + "a" * 255 + "/x",
    "spiffe://" + "a" * 256 + "/x",
    "https://example.org/a",
    "spiffe://example.org/\u00e9",
    "",
]


@pytest.mark.parametrize("text", IDS, ids=range(len(IDS)))
def test_reads_the_spiffe_ids_that_the_parser_accepts_and_no_others(text: str) -> None:
    try:
        parsed = SpiffeId.parse(text)
    except InvalidArgument:
        with pytest.raises(Internal, match="stored SPIFFE ID"):
            Reading().spiffe_id(text)
    else:
        assert Reading().spiffe_id(text) == parsed


def test_an_entry_of_nulls_is_one_of_zero_values() -> None:
    row = (1, "e", "spiffe://example.org/w", "spiffe://example.org/n", *[None] * 10)
    entry = Reading().entry(row, ())
    assert (entry.id, entry.hint, entry.x509_svid_ttl, entry.admin, entry.created_at) == (
        "e",
        "",
        0,
        False,
        0,
    )
    assert not entry.disable_x509_svid_prefetch and not entry.jwt_svid_include_jti


def test_an_agent_from_before_the_newest_columns_is_read() -> None:
    agent = Reading().agent(("spiffe://example.org/n", "x", "1", None, None, None, None, None), ())
    assert (agent.agent_version, agent.new_serial_number, agent.expires_at) == ("", "", 0)


def test_parents_and_selectors_are_shared() -> None:
    reading = Reading()
    assert reading.parent("spiffe://example.org/n") is reading.parent("spiffe://example.org/n")
    assert reading.selector("a", "b") is reading.selector("a", "b")


def test_trust_domains_by_name_and_by_address() -> None:
    assert (
        Reading().trust_domain("spiffe://a.test") == Reading().trust_domain("a.test") == TrustDomain("a.test")
    )
    with pytest.raises(Internal, match='stored trust domain "A"'):
        Reading().trust_domain("A")
