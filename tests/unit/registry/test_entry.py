"""Registration entries: similarity, aliases, expiry, and IDs a caller may choose."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from finial.errors import InvalidArgument
from finial.registry.entry import MAX_ENTRY_ID_LENGTH, Entry, check_entry_id
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

DOMAIN = TrustDomain("example.org")
A, B = Selector("unix", "uid:1"), Selector("unix", "gid:2")
ENTRY = Entry("e", SpiffeId(DOMAIN, "/w"), SpiffeId(DOMAIN, "/node"), (A, B))
ALLOWED = set(string.ascii_letters + string.digits + "._-")


def test_similar_is_equal_parent_id_and_set_of_selectors() -> None:
    assert replace(ENTRY, id="f", selectors=(B, A), hint="x").similarity == ENTRY.similarity
    assert replace(ENTRY, selectors=(A, B, A)).similarity == ENTRY.similarity
    for other in (
        replace(ENTRY, selectors=(A,)),
        replace(ENTRY, spiffe_id=SpiffeId(DOMAIN, "/x")),
        replace(ENTRY, parent_id=SpiffeId(DOMAIN, "/x")),
    ):
        assert other.similarity != ENTRY.similarity


def test_node_alias_has_the_server_as_parent() -> None:
    assert replace(ENTRY, parent_id=server_id(DOMAIN)).is_node_alias
    assert not ENTRY.is_node_alias


@pytest.mark.parametrize(("expires_at", "now", "expired"), [(0, 10, False), (10, 9.9, False), (10, 10, True)])
def test_expiry(expires_at: int, now: float, expired: bool) -> None:
    assert replace(ENTRY, expires_at=expires_at).expired(now) is expired


@pytest.mark.parametrize("code", range(256))
def test_each_character_in_each_position_of_an_entry_id(code: int) -> None:
    character = chr(code)
    for text in (character, character + "ab", f"a{character}b", "ab" + character):
        if character in ALLOWED:
            assert check_entry_id(text) == text
        else:
            with pytest.raises(InvalidArgument, match="entry ID contains invalid characters"):
                check_entry_id(text)


def test_length_of_an_entry_id() -> None:
    assert check_entry_id("") == ""
    assert check_entry_id("a" * MAX_ENTRY_ID_LENGTH)
    with pytest.raises(InvalidArgument, match="entry ID too long"):
        check_entry_id("a" * (MAX_ENTRY_ID_LENGTH + 1))
