"""Trust domain: text in, a checked name out. Pure.

A name has 1 to 255 of the characters a-z, 0-9, dot, dash and underscore: SPIFFE-ID 2.1. Upper case is
refused, never folded: a check that normalises is a check that can be walked around.
"""

from __future__ import annotations

from dataclasses import dataclass

from finial.errors import InvalidArgument

SCHEME = "spiffe://"
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
        if ":/" in text:
            from finial.spiffe.id import SpiffeId

            return SpiffeId.parse(text).trust_domain
        return cls(check_name(text))

    @property
    def uri(self) -> str:
        """`spiffe://example.org`: how the database, SANs of CAs and federated bundle maps name it."""
        return SCHEME + self.name

    def __str__(self) -> str:
        return self.name


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
