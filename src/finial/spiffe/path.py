"""Path of a SPIFFE ID: text in, the same text out if it keeps the rules. Pure.

Nothing, or segments that are each preceded by one slash, not empty, not `.` or `..`, of letters, digits,
dot, dash and underscore: SPIFFE-ID 2.2. Nothing is normalised: what is not canonical is refused.
"""

from __future__ import annotations

import string

from finial.errors import InvalidArgument

SEGMENT_CHARACTERS = frozenset(string.ascii_letters + string.digits + ".-_")


def check_path(path: str) -> str:
    """The path itself if it is one. Raises: InvalidArgument, in go-spiffe's words."""
    if not path:
        return path
    if not path.startswith("/"):
        raise InvalidArgument("path must have a leading slash")
    for segment in path[1:].split("/"):
        _check_segment(segment, last=path.endswith("/"))
    return path


def _check_segment(segment: str, *, last: bool) -> None:
    if not segment:
        raise InvalidArgument(
            "path cannot have a trailing slash" if last else "path cannot contain empty segments"
        )
    if segment in (".", ".."):
        raise InvalidArgument("path cannot contain dot segments")
    if not SEGMENT_CHARACTERS.issuperset(segment):
        raise InvalidArgument(
            "path segment characters are limited to letters, numbers, dots, dashes, and underscores"
        )
