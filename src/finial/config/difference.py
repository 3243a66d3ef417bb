"""Two configurations of one program in, what the second changes out: option by option, as text. Pure.

Where something is written does not count, only what it says. Options without an effect here are left out, and
values that may hold a secret are not shown: tokens, addresses with a password, all that a plugin is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import timedelta
from enum import Enum, IntEnum
from itertools import groupby

from finial.config.durations import format_duration
from finial.config.options import Kind, Option, Standing, options_of
from finial.config.plugins import PluginConfig
from finial.config.tree import Array, Literal, Value

HIDDEN = frozenset({"agent.join_token", "agent.trust_bundle_url"})
NOT_SHOWN, NOT_SET = "(not shown)", "(not set)"
ABSENT, CONFIGURED = "(absent)", "(configured)"


@dataclass(frozen=True, slots=True)
class Change:
    """`option` is its path in the file: `server.ratelimit.signing`, `plugins.KeyManager.disk`."""

    option: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.option}: {self.old} -> {self.new}"


def differences(sections: Mapping[str, tuple[object, object]]) -> tuple[Change, ...]:
    """Of the sections of a file by their names, each as it was and as it is: instances of one class of options."""
    return tuple(change for path, (old, new) in sections.items() for change in of_block(path, old, new))


def of_block(path: str, old: object, new: object) -> Iterator[Change]:
    for one in declared(old):
        before, after = getattr(old, one.field), getattr(new, one.field)
        if before != after and one.declaration.status.standing is not Standing.SUBSUMED:
            yield from of_option(f"{path}.{one.name}", one, before, after)


def of_option(path: str, one: Option, old: object, new: object) -> Iterator[Change]:
    if one.kind is Kind.BLOCK and old is not None and new is not None:
        yield from of_block(path, old, new)
    elif path in HIDDEN:
        yield Change(path, NOT_SHOWN, NOT_SHOWN)
    else:
        yield Change(path, shown(old), shown(new))


def shown(value: object) -> str:
    """As it would be written in the file, nearly."""
    if value is None or value in ("", ()):
        return NOT_SET
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Enum) and not isinstance(value, IntEnum):
        return str(value.value) or NOT_SET
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    return in_braces(value) if is_dataclass(value) and declared(value) else str(value)


def declared(block: object) -> tuple[Option, ...]:
    """None for a value that is a class of its own, as a trust domain."""
    kind: type = type(block)
    return tuple(options_of(kind).values())


def in_braces(block: object) -> str:
    """A block that stands alone, by what differs from its defaults."""
    told = [
        f"{one.name} = {shown(getattr(block, one.field))}"
        for one in declared(block)
        if getattr(block, one.field) != one.default
    ]
    return f"{{ {' '.join(told)} }}"


def plugin_differences(old: Sequence[PluginConfig], new: Sequence[PluginConfig]) -> tuple[Change, ...]:
    """By plugin. Among plugins of one type the order counts; what a `plugin_data_file` holds is not looked at."""
    before, after = by_name(old), by_name(new)
    found = [
        Change(name, CONFIGURED if name in before else ABSENT, CONFIGURED if name in after else ABSENT)
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]
    return tuple(found or order_differences(old, new))


def by_name(plugins: Sequence[PluginConfig]) -> dict[str, object]:
    return {
        f"plugins.{one.type}.{one.name}": (meaning(one.data), one.data_file, one.enabled) for one in plugins
    }


def order_differences(old: Sequence[PluginConfig], new: Sequence[PluginConfig]) -> Iterator[Change]:
    before, after = names_by_type(old), names_by_type(new)
    for kind, names in before.items():
        if names != after[kind]:
            yield Change(f"plugins.{kind}", shown(names), shown(after[kind]))


def names_by_type(plugins: Sequence[PluginConfig]) -> dict[str, tuple[str, ...]]:
    ordered = sorted(plugins, key=lambda one: one.type)
    return {
        kind: tuple(one.name for one in group) for kind, group in groupby(ordered, key=lambda one: one.type)
    }


def meaning(value: Value) -> object:
    """A tree without its places."""
    if isinstance(value, Literal):
        return value.type, value.text
    if isinstance(value, Array):
        return tuple(map(meaning, value.items))
    return tuple((key.name, meaning(inner)) for key, inner in value.entries())
