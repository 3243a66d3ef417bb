"""Durations on the command line: Go's text in, seconds out, with the reason that Go's `flag` prints."""

from __future__ import annotations

from finial.errors import InvalidArgument


def read_duration(text: str) -> float:
    """`90s`, `1h30m`. Raises: InvalidArgument "parse error"."""
    from finial.config import durations

    try:
        return durations.parse_duration(text).total_seconds()
    except InvalidArgument:
        raise InvalidArgument("parse error") from None
