"""Go's `fmt.Sprintf` for what templates have: verbs, flags, width, precision, `%!` notes for mistakes. Pure.

Known verbs: v s q d x X o b c U t e f g T %. A pointer's `%p` and argument indexes `%[1]d` are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from finial.errors import InvalidArgument
from finial.template.budget import Budget
from finial.template.quote import quoted, quoted_character
from finial.template.values import (
    Record,
    Value,
    elements,
    float_text,
    is_list,
    text_of,
    to_bytes,
    type_name,
)

DIRECTIVE = re.compile(r"%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(.)?", re.DOTALL)
MAX_WIDTH = 1_000_000  # what fmt takes for a width at all
BASES: Mapping[str, str] = {"d": "d", "x": "x", "X": "X", "o": "o", "b": "b"}


def sprintf(budget: Budget, pattern: str, values: Sequence[Value]) -> str:
    """Raises: InvalidArgument for what is not supported, ResourceExhausted for a width beyond the budget."""
    return _Print(budget, values).all(pattern)


class _Print:
    def __init__(self, budget: Budget, values: Sequence[Value]) -> None:
        self._budget, self._values, self._next = budget, values, 0

    def all(self, pattern: str) -> str:
        return DIRECTIVE.sub(self._one, pattern) + self._left_over()

    def _left_over(self) -> str:
        rest = self._values[self._next :]
        if not rest:
            return ""
        notes = ", ".join("<nil>" if one is None else f"{type_name(one)}={text_of(one)}" for one in rest)
        return f"%!(EXTRA {notes})"

    def _one(self, found: re.Match[str]) -> str:
        flags, wide, exact, verb = found.groups()
        if verb is None:
            return "%!(NOVERB)"
        if verb == "[":
            raise InvalidArgument("argument indexes are not supported in a format")
        width = self._number(wide)
        precision = None if exact is None else self._number(exact) or 0
        if verb == "%":
            return "%"
        if self._next >= len(self._values):
            return f"%!{verb}(MISSING)"
        value = self._values[self._next]
        self._next += 1
        self._budget.spend((width or 0) + (precision or 0))
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        return padded(formatted(value, verb, flags, precision), flags, width or 0, value, verb)

    def _number(self, text: str | None) -> int | None:
        if text != "*":
            number = int(text) if text else None
        else:
            given = self._values[self._next] if self._next < len(self._values) else None
            self._next += 1
            if not isinstance(given, int) or isinstance(given, bool):
                raise InvalidArgument("a width in a format must be an integer")
            number = given
        if number is not None and abs(number) > MAX_WIDTH:
            raise InvalidArgument(f"a width in a format is at most {MAX_WIDTH}")
        return number


def padded(text: str, flags: str, width: int, value: Value, verb: str) -> str:
    missing = width - len(text)
    if missing <= 0:
        return text
    if "-" in flags:
        return text + " " * missing
    if "0" in flags and (verb not in "vsqT" or isinstance(value, int | float)):
        sign = text[:1] if text[:1] in "+- " else ""
        return sign + "0" * missing + text[len(sign) :]
    return ("0" if "0" in flags else " ") * missing + text


def formatted(value: Value, verb: str, flags: str, precision: int | None) -> str:
    """One value, without its width."""
    if verb == "T":
        return type_name(value)
    if verb == "v":
        return default_form(value, flags, precision)
    if isinstance(value, Record) and value.text is not None and verb in "sqxX":
        value = value.text
    if is_list(value) or isinstance(value, Mapping):
        return _inside(value, verb, flags, precision)
    make = VERBS.get(verb)
    made = make(value, verb, flags, precision) if make else None
    return made if made is not None else _mistake(value, verb)


def default_form(value: Value, flags: str, precision: int | None) -> str:
    if "#" in flags:
        raise InvalidArgument("the flag # of %v is not supported in a format")
    if isinstance(value, int) and not isinstance(value, bool):
        return _signed(str(abs(value)), value < 0, flags)
    if isinstance(value, float):
        return _float(value, "g", flags, precision) or ""
    text = text_of(value)
    return text[:precision] if isinstance(value, str) and precision is not None else text


def _inside(value: Value, verb: str, flags: str, precision: int | None) -> str:
    if isinstance(value, Mapping):
        pairs = (
            f"{formatted(key, verb, flags, precision)}:{formatted(value[key], verb, flags, precision)}"
            for key in sorted(value)
        )
        return f"map[{' '.join(pairs)}]"
    return f"[{' '.join(formatted(one, verb, flags, precision) for one in elements(value))}]"


def _mistake(value: Value, verb: str) -> str:
    return f"%!{verb}(<nil>)" if value is None else f"%!{verb}({type_name(value)}={text_of(value)})"


def _text(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str):
        return None
    return value if precision is None else value[:precision]


def _quote(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return quoted_character(value)
    text = _text(value, verb, flags, precision)
    if text is None:
        return None
    if "#" in flags and "`" not in text and text.isprintable():
        return f"`{text}`"
    return quoted(text, ascii_only="+" in flags)


def _integer(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return _hexadecimal(value, verb, flags, precision) if verb in "xX" else None
    digits = format(abs(value), BASES[verb])
    if precision is not None:
        digits = digits.rjust(precision, "0") if value or precision else ""
    if "#" in flags:
        digits = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") + digits
    return _signed(digits, value < 0, flags)


def _hexadecimal(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    data = to_bytes(value) if isinstance(value, str) else value
    if not isinstance(data, bytes):
        return None
    data = data if precision is None else data[:precision]
    digits = data.hex(" ") if " " in flags else data.hex()
    if "#" in flags and digits:
        digits = "0x" + digits.replace(" ", " 0x")
    return digits.upper() if verb == "X" else digits


def _signed(digits: str, negative: bool, flags: str) -> str:
    sign = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    return sign + digits


def _float(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    if not isinstance(value, float):
        return None
    if verb in "gG" and precision is None:
        text = float_text(abs(value))
        text = text.upper() if verb == "G" else text
    else:
        text = format(abs(value), f".{6 if precision is None else precision}{verb}")
    return _signed(text, value < 0, flags)


def _truth(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    return text_of(value) if isinstance(value, bool) else None


def _character(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    known = 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF
    return chr(value) if known else "\ufffd"


def _code_point(value: Value, verb: str, flags: str, precision: int | None) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    shown = f" {quoted_character(value)}" if "#" in flags else ""
    return f"U+{value:04X}{shown}"


Formatter = Callable[[Value, str, str, int | None], str | None]
VERBS: Mapping[str, Formatter] = (
    {"s": _text, "q": _quote, "t": _truth, "c": _character, "U": _code_point}
    | dict.fromkeys("dxXob", _integer)
    | dict.fromkeys("eEfFgG", _float)
)
