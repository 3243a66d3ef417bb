"""Command line flags with the rules of Go's `flag` package, which scripts written for SPIRE rely on.

In: a frozen dataclass whose fields are made by `flag()`, and the arguments after the command's name.
Out: an instance of that dataclass and the arguments that follow the flags. Pure.

`-x v`, `--x v`, `-x=v` and `--x=v` are one; a boolean takes a value only after `=`; flags end at the
first argument that is none, or at `--`; a list flag may be repeated. Texts of errors are Go's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from finial.errors import InvalidArgument

Flags = TypeVar("Flags")
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FORMS = {
    "int": "a whole number is wanted",
    "duration": "a duration has a unit, as 30s, 10m or 24h",
    "bool": "true or false, after an equals sign",
}  # what a value looks like, where it could not be read
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class UsageError(InvalidArgument):
    """The arguments are wrong: the message is followed by the command's usage, exit 1."""


class HelpRequested(Exception):
    """`-h` or `-help`: the usage is what was asked for, exit 0."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One flag: where its value goes and how its text is read."""

    field: str
    name: str
    help: str
    default: object
    kind: str  # bool, int, duration, str, list: how usage calls the value
    read: Callable[[str], object]
    separator: str | None = None
    choices: tuple[str, ...] = ()
    bare: str | None = None
    refers_to: str = ""

    @property
    def has_default(self) -> bool:
        """One that is worth showing."""
        return self.default not in ("", 0, False, ())


def flag(
    default: Any,
    help: str,
    *,
    name: str | None = None,
    read: Callable[[str], object] | None = None,
    separator: str | None = None,
    choices: tuple[str, ...] = (),
    bare: str | None = None,
    refers_to: str = "",
) -> Any:
    """A field that is a flag. `name`: as on the command line if it differs from the field's.

    `read` turns the text into the value and raises InvalidArgument with the reason only. `separator`
    splits one value of a list flag into several, as `-audience a,b`. `choices`: what a shell offers; the
    command judges the value. `bare`: what the flag means before another flag or at the end, where Go's would
    need an argument. `refers_to`: what the value names of the things that a server has, as `entry`
    (`completion/candidates.py` has them all): a shell asks for them.
    """
    metadata = {
        "help": help,
        "name": name,
        "read": read,
        "separator": separator,
        "choices": choices,
        "bare": bare,
        "refers_to": refers_to,
    }
    if isinstance(default, list | tuple):
        return dataclasses.field(default=tuple(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def declared(flags: type[object]) -> list[Declared]:
    """The flags of a dataclass by name, in the order in which usage shows them."""
    hints = get_type_hints(flags)
    found = [_declared(one, hints[one.name]) for one in dataclasses.fields(cast(Any, flags))]
    return sorted(found, key=lambda one: one.name)


def _declared(field: dataclasses.Field[Any], hint: Any) -> Declared:
    many = get_origin(hint) is tuple
    value = get_args(hint)[0] if many else hint
    kind = "list" if many else {bool: "bool", int: "int", float: "duration"}.get(value, "str")
    read = field.metadata["read"] or {bool: read_bool, int: read_int}.get(value, str)
    name = field.metadata["name"] or field.name
    return Declared(
        field.name,
        name,
        field.metadata["help"],
        field.default,
        kind,
        read,
        field.metadata["separator"],
        field.metadata["choices"],
        field.metadata["bare"],
        field.metadata["refers_to"],
    )


def parse(flags: type[Flags], arguments: Sequence[str]) -> tuple[Flags, list[str]]:
    """Raises: UsageError, HelpRequested."""
    known = {one.name: one for one in declared(cast(type[object], flags))}
    values: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        if len(rest[0]) < 2 or not rest[0].startswith("-"):
            break
        argument = rest.pop(0)
        if argument == "--":
            break
        name, given, text = split(argument)
        one = known.get(name)
        if one is None:
            if name in ("h", "help"):
                raise HelpRequested
            raise UsageError(f"flag provided but not defined: -{name}", hint=nearest(name, list(known)))
        if not given and one.kind == "bool":
            text = "true"
        elif not given and one.bare is not None and (not rest or rest[0].startswith("-")):
            text = one.bare
        elif not given:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            text = rest.pop(0)
        _take(values, one, text)
    return flags(**values), rest


def nearest(name: str, known: list[str]) -> str | None:
    """`did you mean "-spiffeID"?`: names are told apart by case, which is easily got wrong."""
    import difflib

    by_case = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), by_case, n=1)
    return f'did you mean "-{by_case[found[0]]}"?' if found else None


def split(argument: str) -> tuple[str, bool, str]:
    """`--name=value` -> (name, True, value)."""
    body = argument[2:] if argument.startswith("--") else argument[1:]
    if not body or body[0] in "-=":
        raise UsageError(f"bad flag syntax: {argument}")
    name, equals, text = body.partition("=")
    return name, bool(equals), text


def _take(values: dict[str, Any], one: Declared, text: str) -> None:
    try:
        if one.kind == "list":
            parts = text.split(one.separator) if one.separator else [text]
            values[one.field] = (*values.get(one.field, ()), *(one.read(part) for part in parts))
        else:
            values[one.field] = one.read(text)
    except InvalidArgument as why:
        what = "invalid boolean value" if one.kind == "bool" else "invalid value"
        where = f"-{one.name}" if one.kind == "bool" else f"flag -{one.name}"
        hint = FORMS.get(one.kind) if why.message == "parse error" else why.hint
        raise UsageError(f'{what} "{text}" for {where}: {why.message}', hint=hint) from None


def read_bool(text: str) -> bool:
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise InvalidArgument("parse error")


def read_int(text: str) -> int:
    """Decimal, or with Go's prefixes 0x, 0o, 0b and the plain 0 of octal; 64 bits."""
    octal = text.lstrip("+-").startswith("0") and text.lstrip("+-").isdecimal()
    try:
        value = int(text, 8 if octal else 0) if text.isascii() else int("not a number")
    except ValueError:
        raise InvalidArgument("parse error") from None
    if not -(2**63) <= value < 2**63:
        raise InvalidArgument("value out of range")
    return value


def usage(flags: type[object]) -> str:
    """One paragraph a flag, as Go prints them."""
    return "".join(_usage(one) for one in declared(flags))


def _usage(one: Declared) -> str:
    value = {"bool": "", "int": " int", "duration": " duration", "list": " value"}.get(one.kind, " string")
    default = (
        f' (default "{one.default}")' if isinstance(one.default, str) else f" (default {shown(one.default)})"
    )
    text = one.help.replace("\n", "\n    \t")
    return f"  -{one.name}{value}\n    \t{text}{default if one.has_default else ''}\n"


def shown(default: object) -> str:
    """A float is a duration in seconds, shown as Go shows it."""
    if not isinstance(default, float):
        return str(default)
    from finial.config.durations import format_duration

    return format_duration(timedelta(seconds=default))
