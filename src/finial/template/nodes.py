"""The tree of a template. Types only. `at` is where a part begins, as (line, column), both from one."""

from __future__ import annotations

from dataclasses import dataclass

At = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number, boolean or nil."""

    value: str | int | float | bool | None
    at: At


@dataclass(frozen=True, slots=True)
class Dot:
    """The data as it is at this place."""

    at: At


@dataclass(frozen=True, slots=True)
class Field:
    """`.A.B`: fields of the dot, one after the other."""

    names: tuple[str, ...]
    at: At


@dataclass(frozen=True, slots=True)
class Variable:
    """`$x.A.B`; the name has its dollar sign."""

    name: str
    names: tuple[str, ...]
    at: At


@dataclass(frozen=True, slots=True)
class Chain:
    """`(pipeline).A.B`."""

    pipe: Pipe
    names: tuple[str, ...]
    at: At


@dataclass(frozen=True, slots=True)
class Name:
    """A function's name."""

    name: str
    at: At


@dataclass(frozen=True, slots=True)
class Command:
    """What is called or told, and its arguments."""

    operands: tuple[Operand, ...]
    at: At


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands, each given the result of the one before. `variables` get the outcome: new ones if `declares`."""

    variables: tuple[str, ...]
    declares: bool
    commands: tuple[Command, ...]
    at: At


Operand = Literal | Dot | Field | Variable | Chain | Name | Pipe


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """`{{ pipeline }}`."""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class If:
    pipe: Pipe
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class With:
    pipe: Pipe
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Range:
    pipe: Pipe
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Jump:
    """`break`, or else `continue`."""

    leaves: bool
    at: At


Node = Text | Action | If | With | Range | Jump
Body = tuple[Node, ...]
