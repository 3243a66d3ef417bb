"""A tree of values to a frozen dataclass of options, as hashicorp/hcl 1.0.1 decodes into a structure.

Keys match in any case. Of a repeated option the last one counts, repeated lists add up, repeated blocks
merge key by key. Where text is wanted a number does as well, and where a number is wanted a text that
holds one. Empty text is as if the option were not set, as SPIRE merges its defaults. All problems are
collected and raised together.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from finial.config.durations import parse_duration
from finial.config.hcl import parse_int
from finial.config.options import Kind, Option, Standing, options_of
from finial.config.problems import ConfigError, Fault, Problem
from finial.config.tree import Array, Key, Literal, LiteralType, Object, Position, Value, blocks_of, kind_of
from finial.errors import InvalidArgument
from finial.runtime.log_line import quote

C = TypeVar("C")
MAX_PROBLEMS = 50  # what a person can read, and a bound on the work for a file of nothing but unknown keys
NOTHING: Any = object()  # no value: not set, or not usable and told so
WANTED = {
    Kind.TEXT: "text",
    Kind.DURATION: "text",
    Kind.NUMBER: "a whole number",
    Kind.BOOL: "true or false without quotes",
    Kind.TEXTS: "a list of texts",
    Kind.MAP: "a block of texts",
}


def decode(block: Object, config: type[C], section: str = "plugin_data") -> C:
    """`section` is what the block is called in messages. Raises: ConfigError with every problem."""
    decoder = Decoder(block.at)
    decoded = decoder.block([block], config, section, "", block.at)
    decoder.problems.raise_any()
    return cast(C, decoded)


@dataclass(slots=True)
class Problems:
    """Collected while decoding and checking."""

    found: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.found) >= MAX_PROBLEMS

    def add(self, fault: Fault, at: Position, text: str, hint: str = "", **names: str) -> None:
        if not self.full:
            self.found.append(Problem(fault, at, text, hint, **names))

    def raise_any(self) -> None:
        if self.found:
            raise ConfigError(self.found)


class Decoder:
    """Remembers what went wrong, where each option was set, and which options deserve a note at start."""

    def __init__(self, whole: Position) -> None:
        """`whole` is the place of what is missing."""
        self.whole = whole
        self.problems = Problems()
        self.places: dict[str, Position] = {}
        self.notes: list[str] = []

    def fail(self, text: str, *paths: str) -> None:
        """Add a problem of values at the place of the first of these options that is set."""
        at = next((self.places[path] for path in paths if path in self.places), self.whole)
        self.problems.add(Fault.VALUE, at, text)

    def block(self, blocks: Iterable[Object], config: type, section: str, path: str, at: Position) -> Any:
        """Several blocks count as one. NOTHING if a required option is missing."""
        declared = options_of(config)
        written = self._written(blocks, declared, section)
        values = {}
        for name, one in declared.items():
            inner = f"{path}.{one.name}" if path else one.name
            value = self._option(one, written.get(name, []), inner)
            if value is NOTHING and one.declaration.required:
                if name not in written or self._is_unset(written[name]):
                    self.problems.add(Fault.VALUE, at, one.declaration.required)
                continue
            values[one.field] = one.default if value is NOTHING else value
        missing = any(one.field not in values for one in declared.values())
        return NOTHING if missing else config(**values)

    def _written(
        self, blocks: Iterable[Object], declared: Mapping[str, Option], section: str
    ) -> dict[str, list[tuple[Key, Value]]]:
        written: dict[str, list[tuple[Key, Value]]] = {}
        for key, value in (entry for block in blocks for entry in block.entries()):
            if key.name.lower() in declared:
                written.setdefault(key.name.lower(), []).append((key, value))
            else:
                self._unknown(key, [one.name for one in declared.values()], section)
        return written

    def _unknown(self, key: Key, names: list[str], section: str) -> None:
        if self.problems.full:
            return
        close = difflib.get_close_matches(key.name.lower(), names, n=1)
        hint = f"did you mean {quote(close[0])}?" if close else ""
        text = f"unknown key {quote(key.name)} in section {section}"
        self.problems.add(Fault.UNKNOWN_KEY, key.at, text, hint, section=section, key=key.name)

    @staticmethod
    def _is_unset(written: list[tuple[Key, Value]]) -> bool:
        return all(isinstance(value, Literal) and not value.text for _, value in written)

    def _option(self, one: Option, written: list[tuple[Key, Value]], path: str) -> Any:
        if not written:
            return NOTHING
        at = written[-1][1].at
        if not self._is_unset(written):
            self.places[path] = at
        value = self._value(one, written, path)
        status = one.declaration.status
        if value is NOTHING or status.standing is Standing.WORKS:
            return value
        if status.standing is Standing.SUBSUMED:
            self.notes.append(f"{path} is accepted and has no effect: {status.reason}")
        elif value != one.default:
            self.problems.add(Fault.REFUSED, at, f"{path} is not supported: {status.reason}")
        return one.default

    def _value(self, one: Option, written: list[tuple[Key, Value]], path: str) -> Any:
        if one.kind in (Kind.BLOCK, Kind.BLOCKS, Kind.LABELLED, Kind.RAW, Kind.MAP):
            value = self._from_blocks(one, written, path)
        elif one.kind is Kind.TEXTS:
            value = self._texts(one, [value for _, value in written], path)
        else:
            value = self._scalar(one, written[-1][1], path)
        if value is NOTHING or one.declaration.check is None:
            return value
        try:
            return one.declaration.check(value)
        except InvalidArgument as why:
            self.problems.add(Fault.VALUE, written[-1][1].at, str(why), why.hint or "")
            return NOTHING

    def _from_blocks(self, one: Option, written: list[tuple[Key, Value]], path: str) -> Any:
        blocks: list[Object] = []
        for _, value in written:
            found = blocks_of(value)
            if found is None:
                self._mismatch(one, value, path)
                return NOTHING
            blocks += found
        at, section = written[0][0].at, one.declaration.section or one.name
        if one.kind is Kind.RAW:
            return Object(tuple(item for block in blocks for item in block.items), at)
        if one.kind is Kind.MAP:
            return self._map(one, blocks, path)
        config = cast(type, one.block)
        if one.kind is Kind.BLOCK:
            return self.block(blocks, config, section, path, at)
        if one.kind is Kind.BLOCKS:
            every = (self.block([block], config, section, path, block.at) for block in blocks)
            return tuple(block for block in every if block is not NOTHING)
        return self._labelled(blocks, config, section, path)

    def _labelled(self, blocks: list[Object], config: type, section: str, path: str) -> dict[str, Any]:
        by_label: dict[str, tuple[Key, list[Object]]] = {}
        for key, value in (entry for block in blocks for entry in block.entries()):
            inner = blocks_of(value)
            if inner is None:
                text = f'{path} "{key.name}": wants a block, got {kind_of(value)}'
                self.problems.add(Fault.TYPE, value.at, text)
            else:
                by_label.setdefault(key.name, (key, []))[1].extend(inner)
        every = {
            label: self.block(inner, config, section, f"{path}[{quote(label)}]", key.at)
            for label, (key, inner) in by_label.items()
        }
        return {label: value for label, value in every.items() if value is not NOTHING}

    def _map(self, one: Option, blocks: list[Object], path: str) -> dict[str, str]:
        entries = {}
        for key, value in (entry for block in blocks for entry in block.entries()):
            text = text_of(value)
            if text is None:
                self._mismatch(one, value, path)
            else:
                entries[key.name] = text
        return entries

    def _texts(self, one: Option, values: list[Value], path: str) -> Any:
        """Lists add up; with `parse`, every text is parsed."""
        found = []
        for value in values:
            if not isinstance(value, Array):
                self._mismatch(one, value, path)
                return NOTHING
            for item in value.items:
                text = text_of(item)
                if text is None:
                    self._mismatch(one, item, path)
                elif one.declaration.parse is None:
                    found.append(text)
                else:
                    found.append(self._parse(one, one.declaration.parse, text, item.at))
        return NOTHING if NOTHING in found else tuple(found)

    def _scalar(self, one: Option, value: Value, path: str) -> Any:
        if one.kind is Kind.BOOL:
            if isinstance(value, Literal) and value.type is LiteralType.BOOL:
                return value.value
        elif one.kind is Kind.NUMBER:
            if isinstance(value, Literal) and value.type is LiteralType.NUMBER:
                return value.value
            if isinstance(value, Literal) and value.type is LiteralType.TEXT:
                return self._number(value)
        else:
            text = text_of(value)
            if text is not None:
                return self._from_text(one, text, value.at)
        self._mismatch(one, value, path)
        return NOTHING

    def _number(self, value: Literal) -> Any:
        try:
            return parse_int(value.text)
        except ValueError as why:
            self.problems.add(Fault.TYPE, value.at, str(why))
            return NOTHING

    def _from_text(self, one: Option, text: str, at: Position) -> Any:
        if not text:
            return NOTHING
        parse = parse_duration if one.kind is Kind.DURATION else one.declaration.parse
        return text if parse is None else self._parse(one, parse, text, at)

    def _parse(self, one: Option, parse: Callable[[str], object], text: str, at: Position) -> Any:
        try:
            return parse(text)
        except InvalidArgument as why:
            opening = one.declaration.failure.replace("{}", quote(text))
            self.problems.add(Fault.VALUE, at, f"{opening}: {why}" if opening else str(why), why.hint or "")
            return NOTHING

    def _mismatch(self, one: Option, value: Value, path: str) -> None:
        wanted = WANTED.get(one.kind, "a block")
        self.problems.add(Fault.TYPE, value.at, f"{path}: wants {wanted}, got {kind_of(value)}")


def text_of(value: Value) -> str | None:
    """The text of a text or of a whole number, as it was written; None for anything else."""
    if isinstance(value, Literal) and value.type in (LiteralType.TEXT, LiteralType.NUMBER):
        return value.text
    return None
