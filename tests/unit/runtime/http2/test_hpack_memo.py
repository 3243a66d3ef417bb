"""HPACK with a memory: the same bytes and headers as without, and no credential is kept."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hpack import Decoder, Encoder, HeaderTuple
from hpack.exceptions import InvalidTableIndex

from finial.runtime.http2 import hpack_memo
from finial.runtime.http2.hpack_memo import Memo, MemoDecoder, MemoEncoder

ANSWER = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0")]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoDecoder, "memo", Memo())
    monkeypatch.setattr(MemoEncoder, "memo", Memo())


def pairs(headers: Iterable[HeaderTuple]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in headers]


def test_many_connections_get_the_bytes_of_a_plain_encoder() -> None:
    for _ in range(3):
        plain, memo = Encoder(), MemoEncoder()
        for block in (ANSWER, TRAILERS, ANSWER, TRAILERS, [("x-other", "v"), *TRAILERS], TRAILERS):
            assert memo.encode(block) == plain.encode(block)
            assert list(memo.header_table.dynamic_entries) == list(plain.header_table.dynamic_entries)
    assert len(MemoEncoder.memo.known) == 6


def test_many_connections_get_the_headers_of_a_plain_decoder() -> None:
    for _ in range(3):
        encoder, plain, memo = Encoder(), Decoder(), MemoDecoder()
        for block in (ANSWER, TRAILERS, ANSWER, [("x-other", "v")], TRAILERS):
            data = encoder.encode(block)
            assert pairs(memo.decode(data)) == pairs(plain.decode(data)) == block
            assert memo.header_table.dynamic_entries == plain.header_table.dynamic_entries
    assert memo.decode(encoder.encode(ANSWER), raw=True) == [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
    ]


@pytest.mark.parametrize("name", ["authorization", "grpc-timeout"])
def test_a_decoder_keeps_no_block_with_a_volatile_field(name: str) -> None:
    encoder, memo = Encoder(), MemoDecoder()
    memo.decode(encoder.encode(ANSWER))
    for value in ("secret one", "secret two"):
        assert (name, value) in pairs(memo.decode(encoder.encode([*ANSWER, (name, value)])))
    assert "secret" not in repr(MemoDecoder.memo)
    assert len(MemoDecoder.memo.known) == 1


def test_volatile_fields_leave_the_encoders_table_alone() -> None:
    decoder, memo = Decoder(), MemoEncoder()
    for position in (b"one", b"two", b"three"):
        block = [*TRAILERS, ("finial-position-bin", position.decode())]
        assert pairs(decoder.decode(memo.encode(block))) == block
    assert len(memo.header_table.dynamic_entries) == 1
    assert len(MemoEncoder.memo.known) == 2  # the first sight of grpc-status, and every later one
    assert memo.state is not None


def test_a_full_memory_is_emptied_and_stays_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hpack_memo, "BOUND", 4)
    connections = [(Encoder(), MemoEncoder()) for _ in range(3)]
    for number in range(40):
        for plain, memo in connections:
            block = [*ANSWER, ("x-number", str(number % 7))]
            assert memo.encode(block) == plain.encode(block)
    assert len(MemoEncoder.memo.known) <= 4


def test_another_table_size_or_a_long_block_goes_the_plain_way() -> None:
    plain, memo = Encoder(), MemoEncoder()
    plain.header_table_size = memo.header_table_size = 100
    assert memo.encode(ANSWER) == plain.encode(ANSWER)
    long = [("x-long", "a" * 600)]
    other, remembering = Encoder(), MemoEncoder()
    assert remembering.encode(long) == other.encode(long)
    assert remembering.encode(ANSWER) == other.encode(ANSWER)
    assert MemoEncoder.memo.known == {}


def test_a_block_that_shrinks_the_table_shrinks_it_on_each_connection() -> None:
    """Found by fuzzing: the second connection took the headers from memory and left its table as it was."""
    shrink, add, last_added = b"\x20\x83", b"\x6e\x01x", b"\xbe"
    for _ in range(3):
        memo = MemoDecoder()
        memo.decode(shrink)
        memo.decode(add)
        assert memo.header_table.maxsize == 0
        with pytest.raises(InvalidTableIndex):
            memo.decode(last_added)
