from __future__ import annotations

from datetime import timedelta

import pytest

from finial.config import durations
from finial.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("5m", 300),
        ("1h30m", 5400),
        ("-1s", -1),
        ("+1.5s", 1.5),
        ("100ms", 0.1),
        (".5h", 1800),
        ("1.s", 1),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        ("3μs", 3e-6),
        ("1500ns", 1e-6),
        ("1h1h", 7200),
        ("2562047h47m16s", 9223372036),
    ],
)
def test_reads_what_go_reads(text: str, seconds: float) -> None:
    assert durations.parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", 'time: invalid duration ""'),
        ("abc", 'time: invalid duration "abc"'),
        ("24", 'time: missing unit in duration "24"'),
        ("1x", 'time: unknown unit "x" in duration "1x"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1h 5m", 'time: unknown unit "h " in duration "1h 5m"'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("1s-", 'time: unknown unit "s-" in duration "1s-"'),
        ("--1s", 'time: invalid duration "--1s"'),
        ("2562048h", 'time: invalid duration "2562048h"'),
        ("9" * 300 + "s", f'time: invalid duration "{"9" * 300}s"'),
    ],
)
def test_refuses_in_the_words_of_go(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        durations.parse_duration(text)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (3600, "1h0m0s"),
        (300, "5m0s"),
        (1.5, "1.5s"),
        (0.1, "100ms"),
        (0.0015, "1.5ms"),
        (3e-6, "3µs"),
        (-90, "-1m30s"),
        (86400, "24h0m0s"),
        (3661.25, "1h1m1.25s"),
    ],
)
def test_writes_as_go_does(seconds: float, text: str) -> None:
    assert durations.format_duration(timedelta(seconds=seconds)) == text
    assert durations.parse_duration(text) == timedelta(seconds=seconds)
