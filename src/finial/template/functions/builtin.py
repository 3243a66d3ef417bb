"""Go's own functions. `and` and `or` stop early, so the evaluator has them; here is only that they exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.functions.declare import function
from finial.template.printf import sprintf
from finial.template.values import (
    Value,
    equal,
    from_bytes,
    is_list,
    joined_text,
    less,
    text_of,
    to_bytes,
    truth,
    type_name,
)

ESCAPES = {"'": "&#39;", '"': "&#34;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
SCRIPT_ESCAPES = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D",
}  # fmt: skip


@function("and", "or", object, object, ...)
def lazily(first: Value, *rest: Value) -> Value:
    raise InvalidArgument("is evaluated argument by argument")


@function("not", object)
def negate(value: Value) -> bool:
    return not truth(value)


@function("len", object)
def length(value: Value) -> int:
    if isinstance(value, str):
        return len(to_bytes(value))
    if isinstance(value, bytes | Mapping) or is_list(value):
        return len(value)  # type: ignore[arg-type]
    raise InvalidArgument(f"len of type {type_name(value)}")


@function("index", object, object, ...)
def index(value: Value, *keys: Value) -> Value:
    for key in keys:
        value = _at(value, key)
    return value


def _at(value: Value, key: Value) -> Value:
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise InvalidArgument(f"value has type {type_name(key)}; should be string")
        return value.get(key, "" if all(isinstance(one, str) for one in value.values()) else None)
    found = to_bytes(value) if isinstance(value, str) else value
    if not isinstance(found, bytes) and not is_list(found):
        raise InvalidArgument(f"can't index item of type {type_name(value)}")
    if not isinstance(key, int) or isinstance(key, bool):
        raise InvalidArgument(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key < len(found):  # type: ignore[arg-type]
        raise InvalidArgument(f"index out of range: {key}")
    return found[key]  # type: ignore[index]


def part_of(value: Value, bounds: Sequence[Value]) -> Value:
    """Go's slicing, by zero to three bounds. Raises: InvalidArgument."""
    whole: Value = to_bytes(value) if isinstance(value, str) else value
    if not isinstance(whole, bytes) and not is_list(whole):
        raise InvalidArgument(f"can't slice item of type {type_name(value)}")
    size = len(whole)  # type: ignore[arg-type]
    if len(bounds) > 3 or (len(bounds) == 3 and isinstance(value, str)):
        raise InvalidArgument(f"too many slice indexes: {len(bounds)}")
    numbers = []
    for one in bounds:
        if not isinstance(one, int) or isinstance(one, bool):
            raise InvalidArgument(f"cannot index slice/array with type {type_name(one)}")
        if not 0 <= one <= size:
            raise InvalidArgument(f"index out of range: {one}")
        numbers.append(one)
    start, end = (*numbers, 0)[0], numbers[1] if len(numbers) > 1 else size
    if start > end or (len(numbers) > 2 and end > numbers[2]):
        raise InvalidArgument(f"invalid slice index: {start} > {end}")
    found = whole[start:end]  # type: ignore[index]
    return from_bytes(found) if isinstance(value, str) else found


@function("print", object, ...)
def print_values(*values: Value) -> str:
    return joined_text(values)


@function("println", object, ...)
def print_line(*values: Value) -> str:
    return " ".join(text_of(one) for one in values) + "\n"


@function("printf", str, object, ..., costly=True)
def print_format(budget: Budget, pattern: str, *values: Value) -> str:
    return sprintf(budget, pattern, values)


@function("html", object, ...)
def html(*values: Value) -> str:
    return "".join(ESCAPES.get(one, one) for one in joined_text(values))


@function("js", object, ...)
def js(*values: Value) -> str:
    return "".join(_script(one) for one in joined_text(values))


def _script(character: str) -> str:
    if character in SCRIPT_ESCAPES:
        return SCRIPT_ESCAPES[character]
    return f"\\u{ord(character):04X}" if not character.isprintable() else character


@function("urlquery", object, ...)
def url_query(*values: Value) -> str:
    return quote_plus(to_bytes(joined_text(values)), safe="")


@function("eq", object, object, object, ...)
def eq(first: Value, *others: Value) -> bool:
    return any(equal(first, one) for one in others)


@function("ne", object, object)
def ne(left: Value, right: Value) -> bool:
    return not equal(left, right)


@function("lt", object, object)
def lt(left: Value, right: Value) -> bool:
    return less(left, right)


@function("le", object, object)
def le(left: Value, right: Value) -> bool:
    return less(left, right) or equal(left, right)


@function("gt", object, object)
def gt(left: Value, right: Value) -> bool:
    return not le(left, right)


@function("ge", object, object)
def ge(left: Value, right: Value) -> bool:
    return not less(left, right)
