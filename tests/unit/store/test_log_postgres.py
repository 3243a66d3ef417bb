from __future__ import annotations

from finial.store.log_postgres import position
from finial.store.position import Position

EPOCH = b"e" * 16


def test_a_snapshot_is_what_was_committed() -> None:
    assert position(EPOCH, "10:10:", None) == Position(EPOCH, 9)
    assert position(EPOCH, "4:10:4,7", None) == Position(EPOCH, 9, frozenset({4, 7}))


def test_a_writer_counts_itself_and_not_those_beside_it() -> None:
    assert position(EPOCH, "4:10:4,7", 7) == Position(EPOCH, 9, frozenset({4}))
    assert position(EPOCH, "10:10:", 10) == Position(EPOCH, 10)
    assert position(EPOCH, "10:10:", 12) == Position(EPOCH, 12, frozenset({10, 11}))
