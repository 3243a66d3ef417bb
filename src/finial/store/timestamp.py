"""Times as SQLite stores them: text, UTC, to be compared with `julianday()` only. Pure.

SPIRE writes `2026-11-21 08:31:39.67444268+00:00`: up to nanoseconds, trailing zeros cut, no fraction for a
whole second, in the zone of the server's TZ. Written here: the same form in UTC with microseconds. Read:
any zone. `.` sorts after `+`, so that equal zones sort as text, which stock servers rely on.
"""

from __future__ import annotations

from datetime import UTC, datetime

from finial.errors import Internal


def text(moment: datetime) -> str:
    """`moment` is aware."""
    stamp = moment.astimezone(UTC).isoformat(sep=" ")
    whole, dot, rest = stamp.partition(".")
    if not dot:
        return stamp
    return f"{whole}.{rest[:6].rstrip('0')}{rest[6:]}"


def text_of_unix(seconds: int) -> str:
    return text(datetime.fromtimestamp(seconds, UTC))


def unix(stored: str | None) -> int:
    """Whole seconds, rounded down; 0 for NULL. Raises: Internal."""
    return int(_seconds(stored) // 1)


def nearest_unix(stored: str | None) -> int:
    """The nearest whole second, as SPIRE tells when an entry was created; 0 for NULL. Raises: Internal."""
    return int((_seconds(stored) + 0.5) // 1)


def _seconds(stored: str | None) -> float:
    if not stored:
        return 0.0
    try:
        moment = datetime.fromisoformat(stored)
    except ValueError as error:
        raise Internal(f'datastore-sql: time "{stored}" cannot be read') from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()
