"""sprig's functions on texts. Lengths and places are counted in bytes, as Go counts them."""

from __future__ import annotations

from collections.abc import Mapping

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.functions.declare import function
from finial.template.quote import quoted
from finial.template.values import Value, elements, from_bytes, is_list, text_of, to_bytes

DOTS = b"..."


def plain(value: Value) -> str:
    """sprig's way to a text: bytes are taken for one."""
    return from_bytes(value) if isinstance(value, bytes) else text_of(value)


def plain_list(value: Value) -> list[str]:
    """Texts of what is not nil; what is no list stands for a list of itself."""
    if is_list(value):
        return [plain(one) for one in elements(value) if one is not None]
    return [] if value is None else [plain(value)]


@function("abbrev", int, str)
def abbrev(width: int, text: str) -> str:
    data = to_bytes(text)
    return text if width < 4 or len(data) <= width else from_bytes(data[: width - 3] + DOTS)


@function("abbrevboth", int, int, str)
def abbrevboth(left: int, right: int, text: str) -> str:
    data = to_bytes(text)
    if right < 4 or (left > 0 and right < 7) or len(data) <= right:
        return text
    start = min(left, len(data), len(data) - (right - 3))
    if start <= 4:
        return from_bytes(data[: right - 3] + DOTS)
    if start + right - 3 < len(data):
        return "..." + abbrev(right - 3, from_bytes(data[start:]))
    return from_bytes(DOTS + data[-(right - 3) :])


@function("trunc", int, str)
def trunc(size: int, text: str) -> str:
    """From the end if `size` is negative."""
    data = to_bytes(text)
    if size < 0:
        return from_bytes(data[size:]) if len(data) + size > 0 else text
    return from_bytes(data[:size])


@function("substr", int, int, str)
def substr(start: int, end: int, text: str) -> str:
    data = to_bytes(text)
    if start < 0:
        start = 0
        if not 0 <= end <= len(data):
            raise InvalidArgument(f"slice bounds out of range: {end}")
    elif end < 0 or end > len(data):
        end = len(data)
    if start > end:
        raise InvalidArgument(f"slice bounds out of range: {start} > {end}")
    return from_bytes(data[start:end])


@function("trim", str)
def trim(text: str) -> str:
    return text.strip()


@function("trimAll", str, str)
def trim_all(characters: str, text: str) -> str:
    return text.strip(characters) if characters else text


@function("trimSuffix", str, str)
def trim_suffix(suffix: str, text: str) -> str:
    return text.removesuffix(suffix)


@function("trimPrefix", str, str)
def trim_prefix(prefix: str, text: str) -> str:
    return text.removeprefix(prefix)


@function("nospace", str)
def nospace(text: str) -> str:
    return "".join(text.split())


@function("repeat", int, str, costly=True)
def repeat(budget: Budget, count: int, text: str) -> str:
    if count < 0:
        raise InvalidArgument("negative repeat count")
    budget.spend(count * len(text))
    return text * count


@function("wrap", int, str)
def wrap(width: int, text: str) -> str:
    """Words that are too long stay whole."""
    return _wrapped(to_bytes(text), max(width, 1), b"\n", splits=False)


@function("wrapWith", int, str, str, costly=True)
def wrap_with(budget: Budget, width: int, separator: str, text: str) -> str:
    """Words that are too long are split."""
    width, mark = max(width, 1), to_bytes(separator) or b"\n"
    budget.spend(len(mark) * (len(text) // width + text.count(" ") + 1))
    return _wrapped(to_bytes(text), width, mark, splits=True)


def _wrapped(data: bytes, width: int, mark: bytes, *, splits: bool) -> str:
    lines, start = list[bytes](), 0
    while len(data) - start > width:
        if data[start : start + 1] == b" ":
            start += 1
            continue
        end = data.rfind(b" ", start, start + width + 1)
        skipped = 1
        if end < 0 and splits:
            end, skipped = start + width, 0
        elif end < 0:
            end = data.find(b" ", start + width)
            if end < 0:
                break
        lines.append(data[start:end])
        start = end + skipped
    return from_bytes(mark.join([*lines, data[start:]]))


@function("contains", str, str)
def contains(part: str, text: str) -> bool:
    return part in text


@function("hasPrefix", str, str)
def has_prefix(prefix: str, text: str) -> bool:
    return text.startswith(prefix)


@function("hasSuffix", str, str)
def has_suffix(suffix: str, text: str) -> bool:
    return text.endswith(suffix)


@function("quote", object, ...)
def quote(*values: Value) -> str:
    return " ".join(quoted(plain(one)) for one in values if one is not None)


@function("squote", object, ...)
def squote(*values: Value) -> str:
    return " ".join(f"'{text_of(one)}'" for one in values if one is not None)


@function("cat", object, ...)
def cat(*values: Value) -> str:
    return " ".join(text_of(one) for one in values if one is not None)


@function("indent", int, str, costly=True)
def indent(budget: Budget, spaces: int, text: str) -> str:
    if spaces < 0:
        raise InvalidArgument("negative repeat count")
    budget.spend(spaces * (text.count("\n") + 1))
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


@function("nindent", int, str, costly=True)
def nindent(budget: Budget, spaces: int, text: str) -> str:
    return "\n" + indent(budget, spaces, text)


@function("replace", str, str, str, costly=True)
def replace(budget: Budget, old: str, new: str, text: str) -> str:
    budget.spend(text.count(old) * len(new))
    return text.replace(old, new)


@function("plural", str, str, int)
def plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


@function("toString", object)
def to_string(value: Value) -> str:
    return plain(value)


@function("toStrings", object)
def to_strings(value: Value) -> list[str]:
    return plain_list(value)


@function("join", str, object, costly=True)
def join(budget: Budget, separator: str, value: Value) -> str:
    texts = plain_list(value)
    budget.spend(len(separator) * len(texts))
    return separator.join(texts)


@function("splitList", str, str)
def split_list(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


@function("seq", int, ..., costly=True)
def seq(budget: Budget, *numbers: int) -> str:
    """`end`, `start end` or `start step end`, both ends counted."""
    if not 1 <= len(numbers) <= 3:
        return ""
    start, end = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[-1])
    way = 1 if end >= start else -1
    step = numbers[1] if len(numbers) == 3 else way
    if step * way <= 0:
        return ""
    found = range(start, end + way, step)
    budget.spend(len(found) * len(str(max(abs(start), abs(end)))))
    return " ".join(map(str, found))


@function("default", object, object, ...)
def default(fallback: Value, *given: Value) -> Value:
    return fallback if not given or empty(given[0]) else given[0]


@function("empty", object)
def empty(value: Value) -> bool:
    if isinstance(value, str | bytes | list | tuple | Mapping | int | float):
        return not value
    return value is None


@function("coalesce", object, ...)
def coalesce(*values: Value) -> Value:
    return next((one for one in values if not empty(one)), None)


@function("all", object, ...)
def all_set(*values: Value) -> bool:
    return not any(empty(one) for one in values)


@function("any", object, ...)
def any_set(*values: Value) -> bool:
    return not all(empty(one) for one in values)


@function("ternary", object, object, bool)
def ternary(yes: Value, no: Value, chosen: bool) -> Value:
    return yes if chosen else no


@function("fail", str)
def fail(message: str) -> str:
    raise InvalidArgument(message)
