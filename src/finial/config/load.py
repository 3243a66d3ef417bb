"""From a file's text to decoded options: expansion, parsing, precedence, checks. No I/O.

What the command line sets wins over the file, and the file over defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from finial.config import hcl
from finial.config.builtin import PluginKind, check_plugins
from finial.config.decode import NOTHING, Decoder
from finial.config.expand import expand
from finial.config.plugins import PluginConfig, read_plugins
from finial.config.problems import ConfigError, Fault, Problem
from finial.config.tree import Item, Key, Literal, LiteralType, Object, Position, SyntaxFault, blocks_of

C = TypeVar("C")
Override = str | int | bool
COMMAND_LINE = Position("command line")
LITERAL_TYPES = {str: LiteralType.TEXT, int: LiteralType.NUMBER, bool: LiteralType.BOOL}


def load(
    config: type[C],
    text: str | bytes,
    source: str,
    section: str,
    overrides: Mapping[str, Override],
    environment: Mapping[str, str] | None,
    kinds: Mapping[str, PluginKind],
    check: Callable[[C, Decoder], None],
) -> tuple[C, tuple[PluginConfig, ...], Decoder]:
    """The decoded file, its plugins, and the decoder with the notes for the log and the place of each option.

    `overrides` are keys of `section`; `environment` is what `-expandEnv` puts in, None without it; `kinds` are
    the plugins there are; `check` adds the problems that no single option has. Raises: ConfigError with every problem.
    """
    document = read(text, source, environment)
    decoder = Decoder(Position(source))
    layers = [document, flags(section, overrides)]
    decoded = decoder.block(layers, config, "top-level", "", Position(source))
    plugins = read_plugins(section_of(document, "plugins"), decoder)
    if decoded is not NOTHING:
        check(cast(C, decoded), decoder)
        check_plugins(plugins, kinds, decoder)
    decoder.problems.raise_any()
    return cast(C, decoded), plugins, decoder


def read(text: str | bytes, source: str, environment: Mapping[str, str] | None) -> Object:
    try:
        decoded = hcl.decode_utf8(text, source) if isinstance(text, bytes) else text
        return hcl.parse(decoded if environment is None else expand(decoded, environment), source)
    except SyntaxFault as fault:
        raise ConfigError([Problem(Fault.SYNTAX, fault.at, fault.why)]) from fault


def flags(section: str, overrides: Mapping[str, Override]) -> Object:
    """Flags as if they stood at the end of the file. An empty text sets nothing."""
    items = tuple(
        Item((Key(name, COMMAND_LINE),), Literal(LITERAL_TYPES[type(value)], str(value), value, COMMAND_LINE))
        for name, value in overrides.items()
        if value != ""
    )
    if not items:
        return Object((), COMMAND_LINE)
    return Object((Item((Key(section, COMMAND_LINE),), Object(items, COMMAND_LINE)),), COMMAND_LINE)


def section_of(document: Object, name: str) -> Object:
    """The blocks of this name as one; what is no block was told by the decoder."""
    blocks = [
        block
        for key, value in document.entries()
        if key.name.lower() == name
        for block in blocks_of(value) or []
    ]
    return Object(tuple(item for block in blocks for item in block.items), document.at)
