"""What a configuration text says, before anyone knows which keys exist: values with their positions.

HCL and JSON both end here. Items keep the order and the labels they were written with; `entries` reads
`a "b" { .. }` as `a { "b" { .. } }`, which is what it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from finial.errors import InvalidArgument


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where something was written. Line and column count from 1, columns in characters.

    Line 0 is a whole source: a file that lacks something, or a flag of the command line.
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class SyntaxFault(InvalidArgument):
    """The text is neither HCL nor JSON, or beyond the bounds; `at` says where. Caught by `load`."""

    def __init__(self, why: str, at: Position) -> None:
        super().__init__(f"{at}: {why}")
        self.why = why
        self.at = at

    def within(self, what: str) -> InvalidArgument:
        outer = InvalidArgument(f"{what}: {self.message}")
        outer.__cause__ = self
        return outer


class LiteralType(StrEnum):
    """Values are the words for a person."""

    TEXT = "text"
    NUMBER = "a whole number"
    FLOAT = "a fraction"
    BOOL = "a boolean"


@dataclass(frozen=True, slots=True)
class Literal:
    """One plain value. `text` is what it reads as where text is wanted: a number keeps its spelling."""

    type: LiteralType
    text: str
    value: str | int | float | bool
    at: Position


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple[Value, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    at: Position


@dataclass(frozen=True, slots=True)
class Item:
    """`a = 1` has one key, `a "b" "c" { .. }` has three."""

    keys: tuple[Key, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Object:
    items: tuple[Item, ...]
    at: Position

    def entries(self) -> Iterator[tuple[Key, Value]]:
        """Key and value of each item; further labels are wrapped into an object of their own."""
        for item in self.items:
            first, *rest = item.keys
            if rest:
                yield first, Object((Item(tuple(rest), item.value),), rest[0].at)
            else:
                yield first, item.value


Value = Literal | Array | Object


def kind_of(value: Value) -> str:
    """For a message: what was written."""
    if isinstance(value, Literal):
        return value.type.value
    return "a list" if isinstance(value, Array) else "a block"


def blocks_of(value: Value) -> list[Object] | None:
    """The blocks a value stands for: one object, or a list of nothing but objects; None if it is neither.

    JSON has no repeated keys, so a list is how it repeats a block.
    """
    if isinstance(value, Object):
        return [value]
    if isinstance(value, Array):
        blocks = [one for one in value.items if isinstance(one, Object)]
        return blocks if len(blocks) == len(value.items) else None
    return None
