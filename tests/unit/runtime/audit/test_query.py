"""Which records are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import Link, parse
from finial.runtime.audit.query import Wanted, records

TOLD: list[dict[str, object]] = [
    {"time": "2026-01-01T00:00:00Z", "who": "uid 0", "what": "Entry/BatchCreateEntry", "result": "ok"}
    | {"about": {"entry_id": "e1"}},
    {
        "time": "2026-01-01T00:00:10.5Z",
        "who": "spiffe://example.org/x",
        "what": "Agent/BanAgent",
        "result": "NotFound",
    },
    {"what": "audit/closed"},
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path, link = tmp_path / "audit-000001.jsonl", Link()
    data = b""
    for fields in TOLD:
        link, line = link.add(fields)
        data += line
    path.write_bytes(data + b'{"cut')
    return path


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [1, 2, 3]),
        (Wanted(who="UID"), [1]),
        (Wanted(what="banagent"), [2]),
        (Wanted(result="notfound"), [2]),
        (Wanted(about=(("entry_id", "e1"),)), [1]),
        (Wanted(about=(("entry_id", "e"),)), []),
        (Wanted(since=1767225605), [2]),
        (Wanted(until=1767225605), [1, 3]),
        (Wanted(since=1767225600, until=1767225605), [1]),
    ],
)
def test_only_what_is_wanted_is_told(log: Path, wanted: Wanted, numbers: list[int]) -> None:
    assert [one.number for one in records([log], wanted)] == numbers


def test_a_line_that_is_no_record_is_named(log: Path) -> None:
    log.write_bytes(b"hello\n")
    with pytest.raises(InvalidArgument, match=r"audit-000001.jsonl, line 1: no audit record"):
        list(records([log]))


def test_a_record_without_a_time_is_of_no_moment() -> None:
    _, line = Link().add({"time": 7})
    assert not Wanted(since=1).takes(parse(line))
