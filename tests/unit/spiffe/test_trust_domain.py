"""Trust domain names: every character in each position, nothing normalised."""

from __future__ import annotations

import string

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.trust_domain import MAX_NAME_LENGTH, TrustDomain, check_name

ALLOWED = set(string.ascii_lowercase + string.digits + "._-")
CHARACTERS = (
    "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores"
)


@pytest.mark.parametrize("code", range(256))
def test_each_character_in_each_position(code: int) -> None:
    character = chr(code)
    for name in (character, character + "ab", "a" + character + "b", "ab" + character):
        if character in ALLOWED:
            assert check_name(name) == name
        else:
            with pytest.raises(InvalidArgument) as caught:
                check_name(name)
            assert caught.value.message == CHARACTERS


@pytest.mark.parametrize("name", ["ａ", "а", "ß", "İ", "a\u200d", "\U0001f600", "a\u0301", "\ud800"])
def test_characters_that_look_like_others_or_fold_into_them(name: str) -> None:
    with pytest.raises(InvalidArgument, match="characters are limited"):
        TrustDomain.parse(name)


def test_both_forms_of_the_api() -> None:
    wanted = TrustDomain("example.org")
    assert TrustDomain.parse("example.org") == wanted
    assert TrustDomain.parse("spiffe://example.org") == wanted
    assert TrustDomain.parse("spiffe://example.org/some/path") == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "trust domain is missing"),
        ("spiffe://", "trust domain is missing"),
        ("spiffe:///path", "trust domain is missing"),
        ("https://example.org", "scheme is missing or invalid"),
        ("SPIFFE://example.org", "scheme is missing or invalid"),
        ("spiffe:/example.org", "scheme is missing or invalid"),
        ("spiffe:example.org", CHARACTERS),
        ("example.org/path", CHARACTERS),
        ("example.org:8443", CHARACTERS),
        ("user@example.org", CHARACTERS),
        ("Example.org", CHARACTERS),
        (" example.org", CHARACTERS),
        ("spiffe://example.org/a//b", "path cannot contain empty segments"),
        ("spiffe://example.org/", "path cannot have a trailing slash"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        TrustDomain.parse(text)
    assert caught.value.message == why


def test_length() -> None:
    longest = "a" * MAX_NAME_LENGTH
    assert TrustDomain.parse(longest).name == longest
    with pytest.raises(InvalidArgument, match="trust domain has 256 characters, at most 255 are allowed"):
        TrustDomain.parse(longest + "a")


def test_texts() -> None:
    assert str(TrustDomain("example.org")) == "example.org"
    assert TrustDomain("example.org").uri == "spiffe://example.org"
