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
class Fault:
    """`where`: the plugin, `KeyManager "disk"`, or a kind of which there are too few or too many."""

    where: str
    why: FinialError


class PluginFaults(InvalidArgument):
    """All that is wrong with the plugins of a file; as one error it reads as the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].why.message, hint=faults[0].why.hint)
        self.faults = tuple(faults)


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
    """Disabled blocks are left out, and kinds that are read `elsewhere`. Every plugin is tried.

    Raises: InvalidArgument for what is no plugin, in SPIRE's words; PluginFaults.
    """
    enabled = [one for one in configs if one.enabled and one.type not in elsewhere]
    known = {kind.name: kind.known for kind in kinds}
    for config in enabled:
        if config.type not in known:
            raise InvalidArgument(f'unsupported plugin type "{config.type}"')
        if config.name not in known[config.type]:
            reason = f'no built-in plugin "{config.name}" for type "{config.type}"'
            raise InvalidArgument(f'failed to load plugin "{config.name}": {reason}')
    faults: list[Fault] = []
    catalog = Catalog({kind.name: _load_kind(kind, enabled, log, faults) for kind in kinds})
    if faults:
        raise PluginFaults(faults) from faults[0].why
    return catalog


def _load_kind(
    kind: Kind, configs: Sequence[PluginConfig], log: Logger, faults: list[Fault]
) -> dict[str, Any]:
    mine = [one for one in configs if one.type == kind.name]
    made: dict[str, Any] = {}
    for one in mine:
        try:
            made[one.name] = _make(kind, one, log)
        except FinialError as why:
            faults.append(Fault(f'{kind.name} "{one.name}"', why))
    faults += _wrong_count(kind, len(mine))
    return made


def _wrong_count(kind: Kind, count: int) -> list[Fault]:
    if count >= kind.least and (kind.most is None or count <= kind.most):
        return []
    expected = f"exactly {kind.least}" if kind.least == kind.most else f"at least {kind.least}"
    if count > kind.least and kind.least != kind.most:
        expected = f"at most {kind.most}"
    why = f"{kind.name}: plugin type constraint not satisfied: expected {expected} but got {count}"
    return [Fault(kind.name, InvalidArgument(why))]


def _make(kind: Kind, config: PluginConfig, log: Logger) -> Any:
    fields: dict[str, str | bool] = {
        "external": False,
        "plugin_name": config.name,
        "plugin_type": kind.name,
    }
    try:
        plugin = kind.known[config.name](config)
    except FinialError as why:
        log.error("Failed to configure plugin", error=why, **fields)
        raise
    log.info("Configured plugin", reconfigurable=bool(config.data_file), **fields)
    log.info("Plugin loaded", **fields)
    return plugin
