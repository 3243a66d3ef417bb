"""Lines as logrus 1.9.4 writes them; what a logger makes of its fields is in `test_log`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from finial.runtime.log_line import FieldValue, json_lines, quote, text_lines, timestamp

Lines = Callable[..., Iterator[str]]


def test_quote_is_go_s_percent_q() -> None:
    assert quote('a"\\\U000e0001') == r'"a\"\\\U000e0001"'


@pytest.mark.parametrize(
    "text", ["", "a b", "~!#[]{}", "tab\t", 'quote"', "back\\slash", "caf\u00e9", "\x00\x7f"]
)
def test_what_is_quoted_is_one_printable_line_that_json_reads_back(text: str) -> None:
    quoted = quote(text)
    assert quoted.isprintable()
    if "\\x" not in quoted:  # Go's own escape
        assert json.loads(quoted) == text


def test_a_text_line_has_its_fields_by_name() -> None:
    (line,) = text_lines("T", "info", "two words", {"b": 1, "a": "x", "time": "moved"})
    assert line == 'time="T" level=info msg="two words" a=x b=1 fields.time=moved'


@pytest.mark.parametrize("lines", [text_lines, json_lines])
def test_what_records_share_is_in_each_line_unless_the_record_has_its_own(lines: Lines) -> None:
    shared: dict[str, FieldValue] = {"caller": "c", "status": "success", "flag": True}
    records: list[dict[str, FieldValue]] = [{"id": 1}, {"id": 2, "status": "error"}]
    alone = [line for one in records for line in lines("T", "info", "m", shared | one)]
    assert list(lines("T", "info", "m", shared, records)) == alone


def test_a_json_line_is_an_object_with_sorted_names() -> None:
    (line,) = json_lines("T", "error", "m", {"b": [], "a": True})
    assert line == '{"a":true,"b":[],"level":"error","msg":"m","time":"T"}'


def test_a_fine_time_has_no_trailing_zeros() -> None:
    moment = datetime(2026, 7, 1, 12, 0, 0, 250000, UTC)
    assert (timestamp(moment, fine=True), timestamp(moment, fine=False)) == (
        "2026-07-01T12:00:00.25Z",
        "2026-07-01T12:00:00Z",
    )


def test_half_a_surrogate_pair_in_json_can_be_written_and_read_back() -> None:
    """Found by fuzzing: the line was lost on standard output, whose encoder is strict."""
    (line,) = json_lines("T", "info", "m", {"path": "/srv/\udcff", "name": "b\u00fccher"})
    assert (
        line.encode() == b'{"level":"info","msg":"m","name":"b\xc3\xbccher","path":"/srv/\\udcff","time":"T"}'
    )
    assert json.loads(line)["path"] == "/srv/\udcff"
