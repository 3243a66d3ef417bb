"""DNS name of an SVID: which names an entry or an operator's CSR may ask for. Pure.

ASCII; at most one wildcard, as the first label; labels of 1 to 63 characters without a dash at either end
or at the third and fourth place, 253 in all. Which ASCII characters stand in a label is not judged: SPIRE
1.15 (`x509util/dns.go`) accepts any, and entries made there are to work here. Texts are SPIRE's.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.errors import InvalidArgument

MAX_LABEL_LENGTH, MAX_LENGTH = 63, 253
PUNYCODE = "xn--"


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
    labels = name.split(".")
    if len(name) > MAX_LENGTH or "" in labels:
        raise _invalid(name)
    for label in labels:
        if not _is_label(label):
            raise _invalid(label)


def _is_label(label: str) -> bool:
    if len(label) > MAX_LABEL_LENGTH or label.startswith("-") or label.endswith("-"):
        return False
    if label.startswith(PUNYCODE):
        return _is_punycode(label.removeprefix(PUNYCODE))
    return len(label) <= 4 or label[2:4] != "--"


def _is_punycode(text: str) -> bool:
    try:
        return not text.encode().decode("punycode").isascii()
    except UnicodeError:
        return False


def _invalid(label: str) -> InvalidArgument:
    return InvalidArgument(f'idna error\nidna: invalid label "{label}"')


def check_no_overlap(names: Iterable[str]) -> None:
    """Raises: InvalidArgument if a wildcard covers another of the names."""
    known = set(names)
    for name in sorted(known):
        _, _, parent = name.partition(".")
        if not name.startswith("*") and f"*.{parent}" in known:
            raise InvalidArgument(
                f'name "{name}" overlaps with an existing wildcard name in the list: wildcard overlap'
            )
