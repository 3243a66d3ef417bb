"""A changed file for a program that runs: read and checked whole, then taken whole or refused whole.

Whoever runs says which options it can change meanwhile, and how. One other changed option, and nothing is
changed: each is named. What is taken, is taken between two turns of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Generic, Protocol, TypeVar

from finial.config.difference import Change, differences, plugin_differences
from finial.config.plugins import PluginConfig
from finial.config.tree import Position
from finial.errors import FailedPrecondition, FinialError
from finial.runtime.log import Logger

FAILED = "Configuration not reloaded; all stays as it was"


class Configuration(Protocol):
    """Of the server or of the agent. `sections` are their options by name, `places` where each is set."""

    @property
    def sections(self) -> Mapping[str, object]: ...

    @property
    def plugins(self) -> tuple[PluginConfig, ...]: ...

    @property
    def places(self) -> Mapping[str, Position]: ...


C = TypeVar("C", bound=Configuration)


def changes_of(running: Configuration, wanted: Configuration) -> tuple[Change, ...]:
    old, new = running.sections, wanted.sections
    pairs = {name: (old[name], new[name]) for name in old}
    return differences(pairs) + plugin_differences(running.plugins, wanted.plugins)


def live_changes(running: Configuration, wanted: Configuration, live: Collection[str]) -> tuple[Change, ...]:
    """Raises: FailedPrecondition with every change that cannot be made while the program runs."""
    changes = changes_of(running, wanted)
    fixed = [one for one in changes if one.option not in live]
    if fixed:
        told = "; ".join(needs_restart(one, wanted.places.get(one.option)) for one in fixed)
        hint = "restart to use the file, or take these changes back and send SIGHUP again"
        raise FailedPrecondition(told, hint=hint)
    return changes


def needs_restart(change: Change, at: Position | None) -> str:
    place = f"{at}: " if at else ""
    return f"{place}{change.option} needs a restart: {change.old} -> {change.new}"


class Reloader(Generic[C]):
    """`read` gives the file's configuration as at start, in a thread; `running` the one in force; `use` puts
    another in force: it neither awaits nor fails."""

    def __init__(
        self,
        read: Callable[[], C],
        running: Callable[[], C],
        use: Callable[[C], None],
        live: Collection[str],
        log: Logger,
    ) -> None:
        self._read, self._running, self._use, self._live = read, running, use, live
        self._log = log
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """What SIGHUP does. Asked before `run`, or while a file is read, it is read once more after that."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self.reload()

    async def reload(self) -> None:
        """A refusal is logged and changes nothing."""
        try:
            self.consider(await asyncio.to_thread(self._read))
        except FinialError as why:
            self._log.error(FAILED, error=why, **({"hint": why.hint} if why.hint else {}))

    def consider(self, wanted: C) -> None:
        """Takes it whole. Raises: FailedPrecondition, having changed nothing."""
        changes = live_changes(self._running(), wanted, self._live)
        if changes:
            self._take(wanted, changes)
        else:
            self._log.info("Configuration is unchanged")

    def _take(self, wanted: C, changes: tuple[Change, ...]) -> None:
        """Told at the more talkative of the two log levels."""
        output = self._log.output
        before = output.level
        self._use(wanted)
        after, output.level = output.level, max(before, output.level)
        for one in changes:
            self._log.info("Option changed", option=one.option, old=one.old, new=one.new)
        self._log.info("Configuration reloaded", changes=len(changes))
        output.level = after
