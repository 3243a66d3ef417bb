"""From plugin blocks to plugins: the built-in ones that a program names, made from their configuration.

A program says which kinds it has, how many of each there must be and which plugins it knows; here the
file's blocks are held against that. SPIRE 1.15's words, `pkg/common/catalog`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finial.config.plugins import PluginConfig
from finial.errors import FinialError, InvalidArgument
from finial.runtime.log import Logger

Make = Callable[[PluginConfig], Any]  # the plugin, from its block


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of plugin: how many there may be, and the built-in ones by name."""

    name: str  # as in the file: "NodeAttestor"
    least: int
    most: int | None  # None: any number
    known: Mapping[str, Make]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Plugins by kind and name, in the order of the file."""

    plugins: Mapping[str, Mapping[str, Any]]

    def all(self, kind: str) -> Mapping[str, Any]:
        return self.plugins[kind]

    def only(self, kind: str) -> Any:
        """Of a kind that there is exactly one of."""
        (plugin,) = self.plugins[kind].values()
        return plugin

    def log_unloaded(self, log: Logger) -> None:
        """At the end, last loaded first."""
        loaded = [(kind, name) for kind, named in self.plugins.items() for name in named]
        for kind, name in reversed(loaded):
            log.info("Plugin unloaded", external=False, plugin_name=name, plugin_type=kind)
        log.info("Catalog closed")


def load(
    configs: Sequence[PluginConfig], kinds: Sequence[Kind], log: Logger, *, elsewhere: Collection[str] = ()
) -> Catalog:
    """Disabled blocks are left out, and kinds that are read `elsewhere`. Raises: InvalidArgument, in SPIRE's
    words; whatever a plugin's own options raise."""
    enabled = [one for one in configs if one.enabled and one.type not in elsewhere]
    names = {kind.name for kind in kinds}
    for config in enabled:
        if config.type not in names:
            raise InvalidArgument(f'unsupported plugin type "{config.type}"')
    return Catalog({kind.name: _load_kind(kind, enabled, log) for kind in kinds})


def _load_kind(kind: Kind, configs: Sequence[PluginConfig], log: Logger) -> dict[str, Any]:
    mine = [one for one in configs if one.type == kind.name]
    _check_count(kind, len(mine))
    return {one.name: _make(kind, one, log) for one in mine}


def _check_count(kind: Kind, count: int) -> None:
    if count < kind.least or (kind.most is not None and count > kind.most):
        expected = f"exactly {kind.least}" if kind.least == kind.most else f"at least {kind.least}"
        if count > kind.least and kind.least != kind.most:
            expected = f"at most {kind.most}"
        raise InvalidArgument(
            f"{kind.name}: plugin type constraint not satisfied: expected {expected} but got {count}"
        )


def _make(kind: Kind, config: PluginConfig, log: Logger) -> Any:
    make = kind.known.get(config.name)
    if make is None:
        raise InvalidArgument(
            f'failed to load plugin "{config.name}": no built-in plugin "{config.name}" for type "{kind.name}"'
        )
    fields: dict[str, str | bool] = {
        "external": False,
        "plugin_name": config.name,
        "plugin_type": kind.name,
    }
    try:
        plugin = make(config)
    except FinialError as why:
        log.error("Failed to configure plugin", error=why, **fields)
        raise
    log.info("Configured plugin", reconfigurable=bool(config.data_file), **fields)
    log.info("Plugin loaded", **fields)
    return plugin
