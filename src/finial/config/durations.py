"""Go's duration texts (`1h30m`, `-1.5s`): read and written as Go's `time` package does. Pure.

A timedelta holds microseconds; what is finer is dropped.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from finial.errors import InvalidArgument

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5
    "μs": 1_000,  # U+03BC
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
MAX_NANOSECONDS = (1 << 63) - 1  # about 292 years, as in Go
MAX_LENGTH = 256
PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([^0-9.]*)")


def parse_duration(text: str) -> timedelta:
    """Raises: InvalidArgument in Go's words."""
    sign, rest = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if rest == "0":
        return timedelta()
    invalid = InvalidArgument(f'time: invalid duration "{text}"')
    if not rest or len(rest) > MAX_LENGTH:
        raise invalid
    total, offset = Decimal(), 0
    while offset < len(rest):
        match = PART.match(rest, offset)
        if match is None:
            raise invalid
        total += Decimal(match.group(1)) * unit(match.group(2), text)
        offset = match.end()
    if total > MAX_NANOSECONDS:
        raise invalid
    whole = timedelta(microseconds=int(total) // 1_000)
    return -whole if sign == "-" else whole


def unit(name: str, text: str) -> int:
    """Nanoseconds of one unit."""
    if not name:
        raise InvalidArgument(f'time: missing unit in duration "{text}"')
    if name not in NANOSECONDS:
        raise InvalidArgument(f'time: unknown unit "{name}" in duration "{text}"')
    return NANOSECONDS[name]


def format_duration(duration: timedelta) -> str:
    """`1h0m0s`, `5m0s`, `1.5s`, `100ms`, `0s`."""
    microseconds = duration // timedelta(microseconds=1)
    sign, microseconds = ("-" if microseconds < 0 else ""), abs(microseconds)
    if microseconds == 0:
        return "0s"
    if microseconds < 1_000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{decimal(microseconds, 1_000)}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    seconds = f"{decimal(rest, 1_000_000)}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def decimal(amount: int, divisor: int) -> str:
    whole, fraction = divmod(amount, divisor)
    digits = f"{fraction:0{len(str(divisor)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
