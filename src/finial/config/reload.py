"""A changed file for a program that runs: read and checked whole, then taken whole or refused whole.

Whoever runs says which options it can change meanwhile, and how. One other changed option, and nothing is
changed: each is named. What is taken, is taken between two turns of the loop. A signal and a command ask for
the same; requests are served one after the other, and each line of the log says whose it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from finial.config.difference import Change, differences, plugin_differences
from finial.config.plugins import PluginConfig
from finial.config.tree import Position
from finial.errors import FailedPrecondition, FinialError
from finial.runtime.log import Logger

FAILED = "Configuration not reloaded; all stays as it was"
RESTART_OR_TAKE_BACK = "restart to use the file, or take these changes back and reload again"
SIGNAL = "SIGHUP"


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


@dataclass(frozen=True, slots=True)
class Plan(Generic[C]):
    """What a file would change; with one change that needs a restart, `fixed`, it changes nothing."""

    wanted: C
    changes: tuple[Change, ...]
    fixed: tuple[Change, ...]

    @property
    def refusal(self) -> FailedPrecondition | None:
        """Names every change that needs a restart, with its place."""
        if not self.fixed:
            return None
        told = "; ".join(needs_restart(one, self.wanted.places.get(one.option)) for one in self.fixed)
        return FailedPrecondition(told, hint=RESTART_OR_TAKE_BACK)


def plan_of(running: C, wanted: C, live: Collection[str]) -> Plan[C]:
    changes = changes_of(running, wanted)
    return Plan(wanted, changes, tuple(one for one in changes if one.option not in live))


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
        self._turn = asyncio.Lock()

    def ask(self) -> None:
        """What SIGHUP does. Asked before `run`, or while a file is read, it is read once more after that."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            with suppress(FinialError):  # it is in the log
                await self.reload(SIGNAL)

    async def reload(self, requested_by: str, *, dry_run: bool = False) -> Plan[C]:
        """The plan, carried out unless it is refused or a dry run. A refusal is logged and changes nothing. Cancelled
        while it waits or reads, it changes nothing.

        Raises: what `read` raises, logged.
        """
        async with self._turn:
            try:
                wanted = await asyncio.to_thread(self._read)
            except FinialError as why:
                _log_failure(self._log.with_fields(requested_by=requested_by), why)
                raise
            return self.consider(wanted, requested_by, dry_run=dry_run)

    def consider(self, wanted: C, requested_by: str, *, dry_run: bool = False) -> Plan[C]:
        """The same once the file is read."""
        log = self._log.with_fields(requested_by=requested_by)
        plan = plan_of(self._running(), wanted, self._live)
        if dry_run:
            counts = {"changes": len(plan.changes), "need_restart": len(plan.fixed)}
            log.info("Configuration compared with the one in force", **counts)
        else:
            self._carry_out(plan, log)
        return plan

    def _carry_out(self, plan: Plan[C], log: Logger) -> None:
        if (refusal := plan.refusal) is not None:
            _log_failure(log, refusal)
        elif plan.changes:
            self._take(plan, log)
        else:
            log.info("Configuration is unchanged")

    def _take(self, plan: Plan[C], log: Logger) -> None:
        """Told at the more talkative of the two log levels."""
        output = log.output
        before = output.level
        self._use(plan.wanted)
        after, output.level = output.level, max(before, output.level)
        for one in plan.changes:
            log.info("Option changed", option=one.option, old=one.old, new=one.new)
        log.info("Configuration reloaded", changes=len(plan.changes))
        output.level = after


def _log_failure(log: Logger, why: FinialError) -> None:
    log.error(FAILED, error=why, **({"hint": why.hint} if why.hint else {}))
