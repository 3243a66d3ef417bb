"""Files of an audit log by name, and the two small ones as bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import Link
from finial.runtime.audit.layout import Head, decode_key, encode_key, files_in, name_of, number_of
from finial.runtime.audit.seal import SealKey


def test_files_are_found_in_their_order_and_others_are_none(tmp_path: Path) -> None:
    for name in (name_of(1_000_000), name_of(2), name_of(10), "head.json", "audit-1.jsonl", "x"):
        (tmp_path / name).touch()
    assert [one.name for one in files_in(tmp_path)] == [
        "audit-000002.jsonl",
        "audit-000010.jsonl",
        "audit-1000000.jsonl",
    ]
    assert number_of(Path("audit-000010.jsonl")) == 10
    assert number_of(Path("head.json")) is None


def test_a_head_and_a_key_are_read_as_written() -> None:
    head = Head(3, 99, Link(7, b"d" * 32), SealKey.generate().at(5))
    assert Head.decode(head.encode()) == head
    assert decode_key(encode_key(SealKey(0, b"k" * 32))) == SealKey(0, b"k" * 32)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"[" * 5000,
        b'{"file":1}',
        Head().encode().replace(b'"file": 1', b'"file": -1'),
        Head().encode().replace(b'"file": 1', b'"file": "1"'),
        Head(key=SealKey(0, b"short")).encode(),
    ],
)
def test_a_head_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"head.json cannot be read"):
        Head.decode(data)


@pytest.mark.parametrize("data", [b"", b"zz", b"00", b"\xff"])
def test_a_key_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="no verification key"):
        decode_key(data)
