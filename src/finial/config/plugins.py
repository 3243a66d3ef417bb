"""The `plugins` section: `TYPE "name" { plugin_data { .. } }`, read as far as it is the same for all plugins.

What `plugin_data` may hold is declared by the plugin; whoever builds it calls `decode_options`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from finial.config import hcl
from finial.config.decode import NOTHING, Decoder, decode
from finial.config.options import option, refused
from finial.config.problems import ConfigError, Fault, Problem
from finial.config.tree import Key, Object, Position, SyntaxFault, Value, blocks_of, kind_of

C = TypeVar("C")
EXTERNAL = refused("plugins in programs of their own are not started yet; only built-in plugins are")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginBlock:
    """The keys of one plugin's block."""

    plugin_cmd: str = option("", "Program of an external plugin.", status=EXTERNAL)
    plugin_args: tuple[str, ...] = option((), "Arguments of the program.", status=EXTERNAL)
    plugin_checksum: str = option("", "SHA-256 of the program, hexadecimal.", status=EXTERNAL)
    plugin_data: Object | None = option(None, "The plugin's own options.")
    plugin_data_file: str = option("", "File with the plugin's own options, instead of `plugin_data`.")
    enabled: bool = option(True, "Whether the plugin is used.")


@dataclass(frozen=True, slots=True)
class PluginConfig:
    """One plugin as configured. `data` is empty where it was left out or stands in `data_file`."""

    type: str
    name: str
    data: Object
    data_file: str
    enabled: bool
    at: Position

    def read_data(self) -> Object:
        """The plugin's own options, from `data_file` if there is one. Raises: ConfigError."""
        if not self.data_file:
            return self.data
        try:
            return hcl.parse(Path(self.data_file).read_bytes(), self.data_file)
        except OSError as why:
            reason = f"open {self.data_file}: {(why.strerror or str(why)).lower()}"
            text = f"failed to read plugin configuration: {reason}"
            raise ConfigError([Problem(Fault.VALUE, self.at, text)]) from why
        except SyntaxFault as fault:
            raise ConfigError([Problem(Fault.SYNTAX, fault.at, fault.why)]) from fault


def decode_options(plugin: PluginConfig, config: type[C]) -> C:
    """The plugin's own options, against the plugin's declaration. Raises: ConfigError."""
    return decode(plugin.read_data(), config, f'{plugin.type} "{plugin.name}"')


def read_plugins(section: Object, decoder: Decoder) -> tuple[PluginConfig, ...]:
    """In the order of the file; problems go to the decoder."""
    plugins: list[PluginConfig] = []
    declared: set[tuple[str, str]] = set()
    for kind, name, value in labelled(section, decoder):
        if (kind, name.name) in declared:
            text = f'plugin "{kind}"/"{name.name}" declared more than once'
            decoder.problems.add(Fault.VALUE, name.at, text)
            continue
        declared.add((kind, name.name))
        blocks = blocks_or_problem(value, f"plugins.{kind}.{name.name}", decoder)
        plugin = read_plugin(kind, name.name, blocks, name.at, decoder)
        plugins += [plugin] if plugin else []
    return tuple(plugins)


def labelled(section: Object, decoder: Decoder) -> Iterator[tuple[str, Key, Value]]:
    """Kind, name and block of each plugin."""
    for kind, named in section.entries():
        for block in blocks_or_problem(named, f"plugins.{kind.name}", decoder):
            for name, value in block.entries():
                yield kind.name, name, value


def blocks_or_problem(value: Value, path: str, decoder: Decoder) -> list[Object]:
    blocks = blocks_of(value)
    if blocks is None:
        decoder.problems.add(Fault.TYPE, value.at, f"{path}: wants a block, got {kind_of(value)}")
    return blocks or []


def read_plugin(
    kind: str, name: str, blocks: list[Object], at: Position, decoder: Decoder
) -> PluginConfig | None:
    block = decoder.block(blocks, PluginBlock, f'plugin {kind} "{name}"', f"plugins.{kind}.{name}", at)
    if block is NOTHING:
        return None
    if block.plugin_data is not None and block.plugin_data_file:
        text = (
            f'failed to create plugin config for "{kind}"/"{name}": '
            "only one of [plugin_data, plugin_data_file] can be used"
        )
        decoder.problems.add(Fault.VALUE, at, text)
    decoder.places[f"plugins.{kind}.{name}"] = at
    data = block.plugin_data or Object((), at)
    return PluginConfig(kind, name, data, block.plugin_data_file, block.enabled, at)
