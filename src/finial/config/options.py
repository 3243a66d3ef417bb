"""Options are declared once, as fields of a frozen dataclass: name, type, default, unit, help, status.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        size_limit: int = option(0, "Largest file read.", unit="bytes")

The decoder, `validate` and the reference page all read this declaration. The type says what is accepted:
str, int, bool, timedelta, tuple[str, ...], another such class (a block), tuple of it (a block that may
repeat), Mapping[str, it] (labelled blocks), Mapping[str, str], or `tree.Object` (a block read elsewhere).
With `parse`, texts become any type.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Any, TypeVar, cast

from finial.config.tree import Object
from finial.errors import InvalidArgument

T = TypeVar("T")
METADATA = "finial.option"


class Standing(StrEnum):
    """Whether setting an option has its effect."""

    WORKS = "works"
    SUBSUMED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Status:
    """`reason` is a clause that ends a sentence, in lower case."""

    standing: Standing
    reason: str = ""


WORKS = Status(Standing.WORKS)


def refused(reason: str) -> Status:
    """SPIRE's option that does not work here: setting it to anything but its default is an error."""
    return Status(Standing.REFUSED, reason)


def subsumed(reason: str) -> Status:
    """SPIRE's option whose purpose is served otherwise: setting it is accepted and noted at start."""
    return Status(Standing.SUBSUMED, reason)


class Kind(Enum):
    """How an option is written; values are the words of the reference page."""

    TEXT = "string"
    NUMBER = "integer"
    BOOL = "boolean"
    DURATION = "duration"
    TEXTS = "list of strings"
    BLOCK = "block"
    BLOCKS = "block, may repeat"
    LABELLED = "labelled blocks"
    MAP = "map of strings"
    RAW = "block of its own"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What `option` was told. `failure` opens the error sentence; `{}` in it is the quoted value."""

    help: str
    unit: str = ""
    status: Status = WORKS
    failure: str = ""
    parse: Callable[[str], object] | None = None
    check: Callable[[Any], object] | None = None
    required: str = ""
    section: str = ""
    key: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One declared option, with what its field's type says."""

    name: str
    field: str
    kind: Kind
    block: type | None
    default: object
    declaration: Declaration


def option(
    default: T,
    help: str,
    *,
    unit: str = "",
    status: Status = WORKS,
    failure: str = "",
    parse: Callable[[str], object] | None = None,
    check: Callable[[Any], object] | None = None,
    section: str = "",
    key: str = "",
    shown: str = "",
) -> T:
    """A field with this default.

    `parse` turns a text into the value and `check` looks at the decoded value; both raise InvalidArgument,
    the first gets `failure` put before its message, with the quoted text for `{}`.
    `key` is the name in the file if the field's differs, `section` the name of a block in messages,
    `shown` the default as the reference page prints it.
    """
    declaration = Declaration(help, unit, status, failure, parse, check, "", section, key, shown)
    metadata = {METADATA: declaration}
    if type(default).__hash__ is None:
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def required(
    help: str,
    sentence: str,
    *,
    unit: str = "",
    failure: str = "",
    parse: Callable[[str], object] | None = None,
    check: Callable[[Any], object] | None = None,
) -> Any:
    """A field without a default; `sentence` is the error where the option is missing."""
    declaration = Declaration(help, unit, WORKS, failure, parse, check, sentence)
    return dataclasses.field(metadata={METADATA: declaration})


def one_of(*words: str, sentence: str) -> Callable[[str], str]:
    """A parser that accepts these words; `{}` in the sentence is the value."""

    def parse(text: str) -> str:
        if text not in words:
            raise InvalidArgument(sentence.format(text))
        return text

    return parse


@functools.cache
def options_of(config: type) -> Mapping[str, Option]:
    """The options a class declares, by name in lower case, in their order. Other fields are none."""
    hints = typing.get_type_hints(config)
    found = {}
    for field in dataclasses.fields(config):
        declaration = field.metadata.get(METADATA)
        if declaration is not None:
            kind, block = kind_of_type(hints[field.name], declaration)
            name = declaration.key or field.name
            found[name.lower()] = Option(name, field.name, kind, block, default_of(field), declaration)
    return found


def default_of(field: dataclasses.Field[Any]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()


PLAIN = {str: Kind.TEXT, int: Kind.NUMBER, bool: Kind.BOOL, timedelta: Kind.DURATION, Object: Kind.RAW}


def kind_of_type(hint: Any, declaration: Declaration) -> tuple[Kind, type | None]:
    """Kind, and the class of its block or blocks. Raises: TypeError for a type that no option can have."""
    if isinstance(hint, types.UnionType):
        hint = next(one for one in typing.get_args(hint) if one is not types.NoneType)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if declaration.parse is not None:
        return (Kind.TEXTS if origin is tuple else Kind.TEXT), None
    if hint in PLAIN:
        return PLAIN[hint], None
    if dataclasses.is_dataclass(hint):
        return Kind.BLOCK, cast(type, hint)
    if origin is tuple:
        return (Kind.TEXTS, None) if arguments[0] is str else (Kind.BLOCKS, arguments[0])
    if origin is not None and issubclass(origin, Mapping):
        return (Kind.MAP, None) if arguments[1] is str else (Kind.LABELLED, arguments[1])
    raise TypeError(f"no option can have the type {hint}")
