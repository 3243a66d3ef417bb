from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from finial.errors import Internal
from finial.store import timestamp


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (674442, "2026-11-21 08:31:39.674442+00:00"),
        (500000, "2026-11-21 08:31:39.5+00:00"),
        (10, "2026-11-21 08:31:39.00001+00:00"),
        (0, "2026-11-21 08:31:39+00:00"),
    ],
)
def test_writes_what_spire_writes_with_trailing_zeros_cut(micro: int, text: str) -> None:
    assert timestamp.text(datetime(2026, 11, 21, 8, 31, 39, micro, UTC)) == text


def test_writes_utc_whatever_zone_comes_in() -> None:
    tokyo = datetime(2026, 11, 21, 17, 31, 39, tzinfo=timezone(timedelta(hours=9)))
    assert timestamp.text(tokyo) == "2026-11-21 08:31:39+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 08:31:39.67444268+00:00",
        "2026-11-21 08:31:39.674442681+00:00",
        "2026-11-21 08:31:39+00:00",
        "2026-11-21 17:31:39.1+09:00",
        "2026-11-21 08:31:39",
    ],
)
def test_reads_every_form_to_the_second(text: str) -> None:
    assert timestamp.unix(text) == 1795249899


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-21 08:31:39.499999999+00:00", 1795249899),
        ("2026-11-21 08:31:39.5+00:00", 1795249900),
        ("2026-11-21 08:31:39.967444268+00:00", 1795249900),
        ("2026-11-21 08:31:39+00:00", 1795249899),
    ],
)
def test_reads_the_nearest_second(text: str, seconds: int) -> None:
    assert timestamp.nearest_unix(text) == seconds


def test_null_is_not_set() -> None:
    assert timestamp.unix(None) == timestamp.nearest_unix(None) == 0


def test_refuses_what_is_no_time() -> None:
    with pytest.raises(Internal, match='time "yesterday" cannot be read'):
        timestamp.unix("yesterday")


def test_seconds_come_back() -> None:
    assert timestamp.unix(timestamp.text_of_unix(1795249899)) == 1795249899
