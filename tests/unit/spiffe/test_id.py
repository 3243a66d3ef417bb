"""SPIFFE IDs: every character in each position, one fault at a time, nothing normalised."""

from __future__ import annotations

import string

import pytest

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId, agent_id, server_id
from finial.spiffe.path import check_path
from finial.spiffe.trust_domain import MAX_ID_LENGTH, TrustDomain

DOMAIN = TrustDomain("example.org")
ALLOWED = set(string.ascii_letters + string.digits + "._-")
CHARACTERS = "path segment characters are limited to letters, numbers, dots, dashes, and underscores"
NAME_CHARACTERS = "trust domain characters are limited"


@pytest.mark.parametrize("code", range(256))
def test_each_character_in_each_position_of_a_segment(code: int) -> None:
    character = chr(code)
    for path in (f"/{character}ab", f"/a{character}b", f"/ab{character}c", f"/x/{character}a/y"):
        if character in ALLOWED or (character == "/" and path == "/a/b"):
            assert check_path(path) == path
        elif character != "/":
            with pytest.raises(InvalidArgument) as caught:
                SpiffeId.parse(f"spiffe://example.org{path}")
            assert caught.value.message == CHARACTERS


@pytest.mark.parametrize("code", range(256))
def test_each_character_in_each_position_before_the_path(code: int) -> None:
    """None of them makes an ID of another trust domain than the one that is read."""
    character = chr(code)
    for position in range(len("spiffe://example.org")):
        text = "spiffe://example.org"[:position] + character + "spiffe://example.org"[position + 1 :] + "/w"
        try:
            found = SpiffeId.parse(text)
        except InvalidArgument:
            continue
        assert str(found) == text
        assert text.startswith("spiffe://") and found.trust_domain.name == text[9:].partition("/")[0]


REFUSED = {
    "": "cannot be empty",
    "example.org/w": "scheme is missing or invalid",
    "spiffe:example.org/w": "scheme is missing or invalid",
    "spiffe:/example.org/w": "scheme is missing or invalid",
    "Spiffe://example.org/w": "scheme is missing or invalid",
    " spiffe://example.org/w": "scheme is missing or invalid",
    "https://example.org/w": "scheme is missing or invalid",
    "spiffe://": "trust domain is missing",
    "spiffe:///w": "trust domain is missing",
    "spiffe:////w": "trust domain is missing",
    "spiffe://example.org/": "path cannot have a trailing slash",
    "spiffe://example.org/w/": "path cannot have a trailing slash",
    "spiffe://example.org//w": "path cannot contain empty segments",
    "spiffe://example.org/a//b": "path cannot contain empty segments",
    "spiffe://example.org/.": "path cannot contain dot segments",
    "spiffe://example.org/..": "path cannot contain dot segments",
    "spiffe://example.org/a/./b": "path cannot contain dot segments",
    "spiffe://example.org/a/../b": "path cannot contain dot segments",
    "spiffe://example.org/%2e%2e/b": CHARACTERS,
    "spiffe://example.org/%2f": CHARACTERS,
    "spiffe://example.org/a?b": CHARACTERS,
    "spiffe://example.org/a#b": CHARACTERS,
    "spiffe://example.org/a b": CHARACTERS,
    "spiffe://example.org/a\n": CHARACTERS,
    "spiffe://example.org/a\\b": CHARACTERS,
    "spiffe://example.org/ä": CHARACTERS,
    "spiffe://example.org/*": CHARACTERS,
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        SpiffeId.parse(text)
    assert caught.value.message == REFUSED[text]


@pytest.mark.parametrize(
    "text",
    ["spiffe://EXAMPLE.org/w", "spiffe://example.org:80/w", "spiffe://u@example.org/w", "spiffe://example.org?a/w",
     "spiffe://[::1]/w", "spiffe://ex%61mple.org/w", "spiffe://example.org\\w"],
)  # fmt: skip
def test_refused_for_its_trust_domain(text: str) -> None:
    with pytest.raises(InvalidArgument, match=NAME_CHARACTERS):
        SpiffeId.parse(text)


@pytest.mark.parametrize("path", ["", "/w", "/A/b.c/d-e_f", "/...", "/.a", "/a.", "/..a"])
def test_accepted(path: str) -> None:
    made = SpiffeId.parse(f"spiffe://example.org{path}")
    assert made == SpiffeId(DOMAIN, path) == SpiffeId.of(DOMAIN, path)
    assert str(made) == f"spiffe://example.org{path}"


def test_length_is_that_of_the_whole_id() -> None:
    room = MAX_ID_LENGTH - len("spiffe://example.org/")
    assert len(str(SpiffeId.of(DOMAIN, "/" + "a" * room))) == MAX_ID_LENGTH
    text = "spiffe://example.org/" + "a" * (room + 1)
    with pytest.raises(InvalidArgument, match="SPIFFE ID has 2049 characters, at most 2048 are allowed"):
        SpiffeId.parse(text)
    with pytest.raises(InvalidArgument, match="SPIFFE ID has 2049 characters, at most 2048 are allowed"):
        SpiffeId.of(DOMAIN, "/" + "a" * (room + 1))


@pytest.mark.parametrize(
    ("path", "reserved", "agent", "server"),
    [
        ("", False, False, False),
        ("/w", False, False, False),
        ("/spire", True, False, False),
        ("/spire/", True, False, False),
        ("/spire/server", True, False, True),
        ("/spire/server/x", True, False, False),
        ("/spire/agent", True, False, False),
        ("/spire/agent/join_token/x", True, True, False),
        ("/spire/agents/x", True, False, False),
        ("/spires/agent/x", False, False, False),
        ("/SPIRE/agent/x", False, False, False),
        ("/a/spire/agent/x", False, False, False),
    ],
)
def test_reserved_paths(path: str, reserved: bool, agent: bool, server: bool) -> None:
    made = SpiffeId(DOMAIN, path)
    assert (made.is_reserved, made.is_agent, made.is_server) == (reserved, agent, server)


def test_ids_of_server_and_agents() -> None:
    assert str(server_id(DOMAIN)) == "spiffe://example.org/spire/server"
    assert str(agent_id(DOMAIN, "/join_token/x")) == "spiffe://example.org/spire/agent/join_token/x"
    for suffix in ("/x/../../server", "/x//y", "/", "x y"):
        with pytest.raises(InvalidArgument):
            agent_id(DOMAIN, suffix)


def test_path_needs_its_slash() -> None:
    with pytest.raises(InvalidArgument, match="path must have a leading slash"):
        SpiffeId.of(DOMAIN, "w")


def test_membership() -> None:
    assert SpiffeId(DOMAIN, "/w").member_of(DOMAIN)
    assert not SpiffeId(DOMAIN, "/w").member_of(TrustDomain("example.orga"))
