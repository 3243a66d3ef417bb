from __future__ import annotations

import pytest

from finial.errors import FailedPrecondition, InvalidArgument
from finial.store.position import Position

A, B = b"a" * 16, b"b" * 16


def test_comes_back_from_its_bytes() -> None:
    assert Position.decode(Position(A, 2**40).encode()) == Position(A, 2**40)


@pytest.mark.parametrize("data", [b"", b"x" * 23, b"x" * 25])
def test_refuses_bytes_of_another_length(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=f"position has {len(data)} bytes"):
        Position.decode(data)


def test_covers_itself_and_what_came_before() -> None:
    assert Position(A, 5).covers(Position(A, 5))
    assert Position(A, 5).covers(Position(A, 4))
    assert not Position(A, 5).covers(Position(A, 6))


def test_does_not_compare_with_another_history() -> None:
    with pytest.raises(FailedPrecondition, match="position of another history"):
        Position(A, 5).covers(Position(B, 4))
