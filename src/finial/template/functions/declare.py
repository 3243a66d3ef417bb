"""How a template's function is declared: its name, what it takes, and the Python function behind it.

    @function("trunc", int, str)
    def trunc(length: int, text: str) -> str: ...

`...` after a type: any number of it. `costly` functions get the budget first, and pay for what they will make
before they make it. Arguments are checked against the declaration as Go checks them against a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import TypeVar, cast

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.values import Value, is_list, type_name

Kind = type
C = TypeVar("C", bound=Callable[..., Value])
WORDS: Mapping[Kind, str] = {
    str: "string",
    int: "int",
    bool: "bool",
    list: "list",
    dict: "map[string]interface {}",
}


@dataclass(frozen=True, slots=True)
class Function:
    """`kinds`: of the arguments; `rest`: of those after them, None if there may be none."""

    name: str
    kinds: tuple[Kind, ...]
    rest: Kind | None
    costly: bool
    body: Callable[..., Value]

    def __call__(self, budget: Budget, arguments: Sequence[Value]) -> Value:
        """Raises: InvalidArgument, "error calling <name>: why"; ResourceExhausted."""
        self._check_count(len(arguments))
        for index, argument in enumerate(arguments):
            self._check(argument, self.kinds[index] if index < len(self.kinds) else self.rest)
            budget.weigh(argument)
        try:
            result = self.body(budget, *arguments) if self.costly else self.body(*arguments)
        except InvalidArgument as why:
            raise InvalidArgument(f"error calling {self.name}: {why.message}") from why
        budget.weigh(result)
        return result

    def _check_count(self, count: int) -> None:
        least = len(self.kinds)
        if count < least or (self.rest is None and count > least):
            wanted = f"at least {least}" if self.rest is not None else str(least)
            raise InvalidArgument(f"wrong number of args for {self.name}: want {wanted} got {count}")

    def _check(self, argument: Value, kind: Kind | None) -> None:
        if kind is object or kind is None:
            return
        if kind is list:
            fits = is_list(argument)
        else:
            fits = isinstance(argument, kind) and not (kind is int and isinstance(argument, bool))
        if not fits:
            raise InvalidArgument(
                f"wrong type for value of {self.name}; expected {WORDS[kind]}; got {type_name(argument)}"
            )


FUNCTIONS: dict[str, Function] = {}


def function(*names_and_kinds: str | Kind | EllipsisType, costly: bool = False) -> Callable[[C], C]:
    """Declares a function under each of the names that come first."""
    names = [one for one in names_and_kinds if isinstance(one, str)]
    kinds = [one for one in names_and_kinds if not isinstance(one, str)]
    rest: Kind | None = None
    if kinds and kinds[-1] is ...:
        rest = cast(Kind, kinds[-2])
        del kinds[-2:]

    def declare(body: C) -> C:
        for name in names:
            FUNCTIONS[name] = Function(name, tuple(cast(list[Kind], kinds)), rest, costly, body)
        return body

    return declare
