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


def test_open_ones_come_back_and_are_not_seen() -> None:
    position = Position(A, 9, frozenset({4, 7}))
    assert Position.decode(position.encode()) == position
    assert position.seen_before == 4
    assert Position(A, 9).seen_before == 10


@pytest.mark.parametrize(
    ("mine", "theirs", "covers"),
    [
        ((9, {4}), (9, {4}), True),
        ((9, {4}), (9, {4, 7}), True),
        ((9, {4}), (9, set()), False),  # 4 was committed there
        ((9, {4}), (3, set()), True),
        ((9, set()), (11, {10, 11}), True),  # neither of the later ones was committed there
        ((9, set()), (11, {10}), False),
        ((9, {4}), (11, {10, 11}), False),
    ],
)
def test_covers_what_was_seen_there(
    mine: tuple[int, set[int]], theirs: tuple[int, set[int]], covers: bool
) -> None:
    here, there = (Position(A, id_, frozenset(running)) for id_, running in (mine, theirs))
    assert here.covers(there) is covers
