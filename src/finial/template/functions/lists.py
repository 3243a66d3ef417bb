"""sprig's functions on lists. A list that was given is never changed."""

from __future__ import annotations

from collections.abc import Sequence

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.functions.builtin import part_of
from finial.template.functions.declare import function
from finial.template.functions.text import empty, plain, plain_list
from finial.template.values import Value, elements, same, to_bytes


@function("tuple", "list", object, ...)
def make_list(*values: Value) -> Value:
    return values


@function("append", "push", "mustAppend", "mustPush", object, object)
def append(values: Value, one: Value) -> Value:
    return (*elements(values), one)


@function("prepend", "mustPrepend", object, object)
def prepend(values: Value, one: Value) -> Value:
    return (one, *elements(values))


@function("first", "mustFirst", object)
def first(values: Value) -> Value:
    return next(iter(elements(values)), None)


@function("last", "mustLast", object)
def last(values: Value) -> Value:
    found = elements(values)
    return found[-1] if found else None


@function("rest", "mustRest", object)
def rest(values: Value) -> Value:
    return elements(values)[1:]


@function("initial", "mustInitial", object)
def initial(values: Value) -> Value:
    return elements(values)[:-1]


@function("reverse", "mustReverse", object)
def reverse(values: Value) -> Value:
    return tuple(reversed(elements(values)))


@function("compact", "mustCompact", object)
def compact(values: Value) -> Value:
    return tuple(one for one in elements(values) if not empty(one))


@function("uniq", "mustUniq", object, costly=True)
def uniq(budget: Budget, values: Value) -> Value:
    found: list[Value] = []
    for one in elements(values):
        if not _among(budget, one, found):
            found.append(one)
    return tuple(found)


@function("without", "mustWithout", object, object, ..., costly=True)
def without(budget: Budget, values: Value, *unwanted: Value) -> Value:
    return tuple(one for one in elements(values) if not _among(budget, one, unwanted))


@function("has", "mustHas", object, object, costly=True)
def has(budget: Budget, wanted: Value, values: Value) -> bool:
    return values is not None and _among(budget, wanted, elements(values))


def _among(budget: Budget, wanted: Value, values: Sequence[Value]) -> bool:
    """Each comparison costs what the wanted value weighs."""
    for one in values:
        budget.weigh(wanted)
        if same(one, wanted):
            return True
    return False


@function("slice", "mustSlice", object, object, ...)
def part(values: Value, *bounds: Value) -> Value:
    found = elements(values)
    return part_of(found, bounds[:2]) if found else None


@function("concat", object, ...)
def concat(*lists: Value) -> Value:
    return tuple(one for values in lists for one in elements(values))


@function("chunk", "mustChunk", int, object)
def chunk(size: int, values: Value) -> Value:
    found = elements(values)
    if size < 1 and found:
        raise InvalidArgument("chunks must have at least one element")
    return tuple(found[start : start + size] for start in range(0, len(found), max(size, 1)))


@function("sortAlpha", object)
def sort_alpha(values: Value) -> Value:
    if isinstance(values, list | tuple):
        return tuple(sorted(plain_list(values), key=to_bytes))
    return (plain(values),)
