"""What verification says of a log that was not let alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from finial.runtime.audit.chain import Link, parse
from finial.runtime.audit.file import AuditFile
from finial.runtime.audit.layout import HEAD, VERIFICATION_KEY, Head, decode_key, files_in
from finial.runtime.audit.seal import SealKey
from finial.runtime.audit.verify import Verdict, verify

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = AuditFile(tmp_path, NOW)
    for name in "abc":
        file.append([{"what": name}], NOW)
        file.seal(NOW)
    file.append([{"what": "d"}], NOW)
    file.close()
    return files_in(tmp_path)[0]


def head_of(log: Path) -> Head:
    return Head.decode((log.parent / HEAD).read_bytes())


def key_of(log: Path) -> SealKey:
    return decode_key((log.parent / VERIFICATION_KEY).read_bytes())


def written_anew(log: Path) -> None:
    """By somebody who knows how digests are made: record 2 says something else, all after it fits."""
    link, lines = Link(), []
    for line in log.read_bytes().splitlines():
        record = parse(line)
        fields = dict(record.fields) | ({"what": "forged"} if record.number == 2 else {})
        link, text = link.add(fields)
        lines.append(text)
    log.write_bytes(b"".join(lines))


def test_a_log_that_was_let_alone_is_good(log: Path) -> None:
    assert verify([log], head_of(log), key_of(log)) == Verdict("", 1, 8, 3, 1)
    assert verify([log]) == Verdict("", 1, 8, 3, 1)


def test_the_first_broken_record_is_named(log: Path) -> None:
    log.write_bytes(log.read_bytes().replace(b'"what":"b"', b'"what":"x"'))
    verdict = verify([log])
    assert verdict.broken.startswith("audit-000001.jsonl, line 4: record 4: its digest is another")
    assert (verdict.first, verdict.last) == (1, 3)


def test_a_missing_end_is_found_by_the_head_alone(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:5]))
    assert verify([log]).broken == ""
    assert verify([log], head_of(log)).broken == (
        "the end is missing: head.json tells of record 7, the last one here is 5"
    )


def test_a_log_that_was_written_anew_is_found_by_its_key(log: Path) -> None:
    written_anew(log)
    assert verify([log]).broken == ""
    assert "head.json tells another end" in verify([log], head_of(log)).broken
    assert "seal 0 is not by the key" in verify([log], None, key_of(log)).broken


def test_who_has_the_key_in_use_cannot_take_back_what_was_sealed(log: Path) -> None:
    """A log cut after its first seal, with a head made to fit it from the key that was found on the machine."""
    head = head_of(log)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]))
    end = Link(3, parse(lines[2]).digest)
    assert "tells another end" in verify([log], replace(head, link=end), key_of(log)).broken
    forged = replace(head, link=end, key=SealKey(1, head.key.key))
    assert "does not follow from the verification key" in verify([log], forged, key_of(log)).broken


def test_a_seal_that_is_missing_is_found_without_a_key(log: Path) -> None:
    link, lines = Link(), []
    for line in log.read_bytes().splitlines():
        record = parse(line)
        if record.number != 5:
            link, text = link.add(record.fields)
            lines.append(text)
    log.write_bytes(b"".join(lines))
    assert "it is seal 2 where seal 1 is expected" in verify([log]).broken


def test_a_file_of_another_beginning_is_none(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[1:]))
    assert "what stood before it is missing" in verify([log]).broken
    log.write_bytes(b"hello\n")
    assert "line 1: no audit record" in verify([log]).broken


def test_files_before_the_first_are_told_and_an_empty_one_between_is_a_fault(tmp_path: Path) -> None:
    file = AuditFile(tmp_path, NOW, size_limit=200)
    for name in "abc":
        file.append([{"what": name}], NOW)
    file.close()
    first, second, *rest = files_in(tmp_path)
    verdict = verify([second, *rest])
    assert verdict.broken == ""
    assert verdict.notes == (f"records 1 to {verdict.first - 1} are not here and were not judged",)
    assert "missing before it" in verify([first, *rest]).broken
    first.write_bytes(b"")
    assert verify([first, second, *rest]).broken == "audit-000001.jsonl: nothing of it is left"
