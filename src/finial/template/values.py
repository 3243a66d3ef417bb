"""What a template works on, and how Go prints, compares and judges it. Pure.

Plain data: None, bool, int, float, str, bytes, lists and tuples, mappings by text, and `Record`, which is
Go's struct: its fields are fixed, and it may print as a text of its own. Texts are Go's byte strings: bytes
that are no UTF-8 are kept as surrogate escapes.

Whoever calls here has paid for the size of what is given: see `budget`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from finial.errors import InvalidArgument

Value = object


@dataclass(frozen=True, slots=True)
class Record:
    """A struct: `name` is its type in messages. With `text` it prints as that."""

    name: str
    fields: Mapping[str, Value] = field(repr=False)
    text: str | None = None


def type_name(value: Value) -> str:
    """As Go names the type."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case bytes():
            return "[]uint8"
        case Record(name=name):
            return name
        case Mapping():
            return "map[string]interface {}"
    return "[]interface {}"


def is_list(value: Value) -> bool:
    return isinstance(value, list | tuple)


def elements(value: Value) -> Sequence[Value]:
    """Of a list. Raises: InvalidArgument."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, bytes):
        return list(value)
    raise InvalidArgument(f"wants a list, got {type_name(value)}")


def truth(value: Value) -> bool:
    """What `if` takes for true: what is not empty, zero or nil. A record always is."""
    return True if isinstance(value, Record) else bool(value)


def text_of(value: Value) -> str:
    """As `print` prints one value, `%v`."""
    return "".join(_printed(value))


def _printed(value: Value) -> Iterator[str]:
    match value:
        case None:
            yield "<nil>"
        case str():
            yield value
        case bool():
            yield "true" if value else "false"
        case int():
            yield str(value)
        case float():
            yield float_text(value)
        case Record(text=str() as text):
            yield text
        case Record(fields=fields):
            yield from _bracketed("{", list(fields.values()), "}")
        case bytes():
            yield from _bracketed("[", list(value), "]")
        case Mapping():
            yield "map["
            for index, key in enumerate(sorted(value)):
                yield f"{' ' if index else ''}{key}:"
                yield from _printed(value[key])
            yield "]"
        case list() | tuple():
            yield from _bracketed("[", value, "]")
        case _:
            raise InvalidArgument(f'a value of type "{type(value).__name__}" cannot be printed')


def _bracketed(left: str, values: Sequence[Value], right: str) -> Iterator[str]:
    yield left
    for index, one in enumerate(values):
        if index:
            yield " "
        yield from _printed(one)
    yield right


def float_text(value: float) -> str:
    """The shortest digits that read back the same, with an exponent below 1e-4 and from 1e21: `%v`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    digits, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        if value and abs(value) < 1e-4:  # repr stays without an exponent down to 1e-4 as well
            return f"{value:e}"
        return digits.removesuffix(".0")
    power = int(exponent)
    if -4 <= power < 21:
        return f"{value:.0f}"
    return f"{digits.removesuffix('.0')}e{power:+03d}"


def joined_text(values: Sequence[Value]) -> str:
    """As `print`: a space between two that are both no texts."""
    parts = []
    for index, one in enumerate(values):
        if index and not isinstance(one, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(text_of(one))
    return "".join(parts)


def basic_kind(value: Value) -> str:
    """Of what can be ordered or compared by value. Raises: InvalidArgument for the rest."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
    raise InvalidArgument(f"non-comparable type {type_name(value)}")


def equal(left: Value, right: Value) -> bool:
    """`eq`. Raises: InvalidArgument for values of two kinds, or of none that can be compared."""
    if left is None or right is None:
        return left is right
    if basic_kind(left) != basic_kind(right):
        raise InvalidArgument("incompatible types for comparison")
    return left == right


def less(left: Value, right: Value) -> bool:
    """`lt`. Raises: InvalidArgument."""
    if left is None or right is None:
        raise InvalidArgument("invalid type for comparison")
    kind = basic_kind(left)
    if kind != basic_kind(right):
        raise InvalidArgument("incompatible types for comparison")
    if isinstance(left, str) and isinstance(right, str):
        return to_bytes(left) < to_bytes(right)
    if isinstance(left, int | float) and isinstance(right, int | float) and kind != "bool":
        return left < right
    raise InvalidArgument("invalid type for comparison")


def same(left: Value, right: Value) -> bool:
    """Go's DeepEqual: same kind and same content."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return type(left) is type(right) and left == right


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
