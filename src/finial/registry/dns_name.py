"""DNS name of an SVID: which names an operator may mint. Pure; SPIRE 1.15 `x509util/dns.go`, in its words.

ASCII labels of a-z, 0-9 and dash, 63 at most and 253 in all, with at most one wildcard, as the first
label. Names of entries are kept as they are given, as SPIRE keeps them.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.errors import InvalidArgument

LABEL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
MAX_LABEL_LENGTH, MAX_LENGTH = 63, 253


def check_dns_name(name: str) -> str:
    """The name itself. Raises: InvalidArgument."""
    if not name.isascii():
        raise InvalidArgument("name must be ascii")
    stars = name.count("*")
    if stars > 1:
        raise InvalidArgument("too many wildcards")
    if stars and not name.startswith("*."):
        raise InvalidArgument("wildcard must be first label")
    _check_plain(name.removeprefix("*."))
    return name


def _check_plain(name: str) -> None:
    if not name.strip():
        raise InvalidArgument("empty or only whitespace")
    if name.endswith("."):
        raise InvalidArgument("domain ends with dot")
    for character in name.replace(".", ""):
        if character not in LABEL_CHARACTERS:
            raise InvalidArgument(f"idna error\nidna: disallowed rune U+{ord(character):04X}")
    if len(name) > MAX_LENGTH or not all(_is_label(label) for label in name.split(".")):
        raise InvalidArgument(f'idna error\nidna: invalid label "{name}"')


def _is_label(label: str) -> bool:
    """The third and fourth character are dashes only in names of another alphabet."""
    if not 0 < len(label) <= MAX_LABEL_LENGTH or label.startswith("-") or label.endswith("-"):
        return False
    return label[2:4] != "--" or label.startswith("xn--")


def check_no_overlap(names: Iterable[str]) -> None:
    """Raises: InvalidArgument if a wildcard covers another of the names."""
    known = set(names)
    for name in sorted(known):
        _, _, parent = name.partition(".")
        if not name.startswith("*") and f"*.{parent}" in known:
            raise InvalidArgument(
                f'name "{name}" overlaps with an existing wildcard name in the list: wildcard overlap'
            )
