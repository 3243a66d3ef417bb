"""Stored text that is read by a faster rule than it was checked by: both accept the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from finial.errors import Internal, InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.store import timestamp
from finial.store.rows import Reading

NEARLY_IDS = st.lists(
    st.sampled_from(
        [
            "spiffe://",
            "/",
            ".",
            "..",
            "example.org",
            "a",
            "A",
            "-",
            "_",
            "%",
            "\n",
            " ",
            "é",
            "٣",
            ":",
            "a" * 255,
        ]
    ),
    max_size=9,
).map("".join)
MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


@given(st.one_of(NEARLY_IDS, NEARLY_IDS.map("spiffe://a".__add__), st.text()))
@example("spiffe://example.org/a\n")
@example("spiffe://example.org/.../..a")
def test_spiffe_ids(text: str) -> None:
    try:
        expected: SpiffeId | None = SpiffeId.parse(text)
    except InvalidArgument:
        expected = None
    try:
        read: SpiffeId | None = Reading().spiffe_id(text)
    except Internal:
        read = None
    assert read == expected


@given(MOMENTS, st.integers(min_value=-14, max_value=14))
def test_times_come_back_to_the_second_from_any_zone(moment: datetime, hours: int) -> None:
    there = moment.astimezone(timezone(timedelta(hours=hours)))
    assert timestamp.text(there) == timestamp.text(moment)
    assert timestamp.unix(there.isoformat(sep=" ")) == timestamp.unix(timestamp.text(moment))
    assert timestamp.unix(timestamp.text(moment)) == moment.timestamp() // 1


@given(MOMENTS, MOMENTS)
def test_times_in_one_zone_sort_as_text(one: datetime, other: datetime) -> None:
    assert (timestamp.text(one) < timestamp.text(other)) == (one < other)
