"""Path of a SPIFFE ID: text in, the same text out if it keeps the rules. Pure.

Nothing, or segments that are each preceded by one slash, not empty, not `.` or `..`, of letters, digits,
dot, dash and underscore: SPIFFE-ID 2.2. Nothing is normalised: what is not canonical is refused.
"""

from __future__ import annotations

import re
import string

from finial.errors import InvalidArgument

SEGMENT_CHARACTERS = frozenset(string.ascii_letters + string.digits + ".-_")
PATH = r"(?:/(?!\.{1,2}(?:/|\Z))[a-zA-Z0-9._-]+)*"  # the rules, to be matched up to the end of the text
is_path = re.compile(rf"{PATH}\Z").match


def check_path(path: str) -> str:
    """The path itself if it is one. Raises: InvalidArgument, in go-spiffe's words."""
    if not is_path(path):
        raise InvalidArgument(_fault(path))
    return path


def _fault(path: str) -> str:
    """Of the first segment that has one."""
    if not path.startswith("/"):
        return "path must have a leading slash"
    segment = next(one for one in path[1:].split("/") if not is_path(f"/{one}"))
    if not segment:
        return (
            "path cannot have a trailing slash"
            if path.endswith("/")
            else "path cannot contain empty segments"
        )
    if segment in (".", ".."):
        return "path cannot contain dot segments"
    return "path segment characters are limited to letters, numbers, dots, dashes, and underscores"
