"""Trust domain: text in, a checked name out. Pure.

A name has 1 to 255 of the characters a-z, 0-9, dot, dash and underscore: SPIFFE-ID 2.1. Upper case is
refused, never folded: a check that normalises is a check that can be walked around.
"""

from __future__ import annotations

from dataclasses import dataclass

from finial.errors import InvalidArgument
from finial.spiffe.path import check_path

SCHEME = "spiffe://"
MAX_ID_LENGTH = 2048
MAX_NAME_LENGTH = 255
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")


@dataclass(frozen=True, slots=True, order=True)
class TrustDomain:
    """A checked trust domain. Build it with `parse`; `str()` is the bare name."""

    name: str

    @classmethod
    def parse(cls, text: str) -> TrustDomain:
        """From `example.org` or from a SPIFFE ID, whose path is checked and left out.

        Raises: InvalidArgument. Spec: SPIFFE-ID 2.1; both forms are what SPIRE's API accepts.
        """
        if not text:
            raise InvalidArgument("trust domain is missing")
        if ":/" not in text:
            return cls(check_name(text))
        name, path = split_id(text)
        check_path(path)
        return cls(name)

    def __hash__(self) -> int:
        return hash(self.name)  # which the string remembers

    @property
    def uri(self) -> str:
        """`spiffe://example.org`: how the database, SANs of CAs and federated bundle maps name it."""
        return SCHEME + self.name

    def __str__(self) -> str:
        return self.name


def split_id(text: str) -> tuple[str, str]:
    """A SPIFFE ID's trust domain, checked, and its path, not checked yet.

    Raises: InvalidArgument, in go-spiffe's words.
    """
    if not text:
        raise InvalidArgument("cannot be empty")
    if not text.startswith(SCHEME):
        raise InvalidArgument("scheme is missing or invalid")
    if len(text) > MAX_ID_LENGTH:
        raise InvalidArgument(f"SPIFFE ID has {len(text)} characters, at most {MAX_ID_LENGTH} are allowed")
    name, slash, tail = text[len(SCHEME) :].partition("/")
    return check_name(name), slash + tail


def check_name(name: str) -> str:
    """The name itself if it is one. Raises: InvalidArgument, in go-spiffe's words."""
    if not name:
        raise InvalidArgument("trust domain is missing")
    if not NAME_CHARACTERS.issuperset(name):
        raise InvalidArgument(
            "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores"
        )
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidArgument(
            f"trust domain has {len(name)} characters, at most {MAX_NAME_LENGTH} are allowed"
        )
    return name
