"""Named checks in, what `/live` and `/ready` say out. Checks run in the background and are answered from memory.

Each second until all are live and ready for the first time, then each minute: SPIRE's intervals. A check
that fails or hangs is neither live nor ready. SPIRE 1.15: pkg/common/health.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from finial.errors import AlreadyExists, FailedPrecondition
from finial.runtime.clock import Clock
from finial.runtime.log import Logger

STARTING_INTERVAL = 1.0
INTERVAL = 60.0
CHECK_TIMEOUT = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class State:
    """One subsystem. Details go out as JSON, empty while all is well; None until the first check."""

    live: bool
    ready: bool
    live_details: Mapping[str, str] | None = None
    ready_details: Mapping[str, str] | None = None
    started: bool = True

    @property
    def fault(self) -> str:
        """Empty if there is none."""
        if self.live and self.ready:
            return ""
        if self.live:
            return "subsystem is not ready"
        return "subsystem is not live" if self.ready else "subsystem is not live or ready"


Check = Callable[[], Awaitable[State]]
UNKNOWN = State(live=False, ready=False)


@dataclass(slots=True)
class _Checked:
    check: Check
    state: State = UNKNOWN
    failures: int = 0  # in a row
    failing_since: float = 0.0
    told_while_starting: str = ""


class Checks:
    """All checks of one program. `add` them, then keep `run` running."""

    def __init__(self, clock: Clock, log: Logger) -> None:
        self._clock, self._log = clock, log
        self._checked: dict[str, _Checked] = {}

    def add(self, name: str, check: Check) -> None:
        """Raises: AlreadyExists."""
        if name in self._checked:
            raise AlreadyExists(f'check "{name}" has already been added')
        self._checked[name] = _Checked(check)

    async def run(self) -> None:
        """Until cancelled. Raises: FailedPrecondition where there is nothing to check."""
        if not self._checked:
            raise FailedPrecondition("no health checks defined")
        await self.refresh()
        while any(one.state.fault for one in self._checked.values()):
            await self._clock.sleep(STARTING_INTERVAL)
            await self.refresh()
        while True:
            await self._clock.sleep(INTERVAL)
            await self.refresh()

    async def refresh(self) -> None:
        """Runs all checks once, side by side."""
        await asyncio.gather(*(self._renew(name, one) for name, one in self._checked.items()))

    def live(self) -> tuple[bool, dict[str, Mapping[str, str] | None]]:
        """Whether all are, and the details of each."""
        states = {name: one.state for name, one in self._checked.items()}
        return all(one.live for one in states.values()), {
            name: one.live_details for name, one in states.items()
        }

    def ready(self) -> tuple[bool, dict[str, Mapping[str, str] | None]]:
        states = {name: one.state for name, one in self._checked.items()}
        return all(one.ready for one in states.values()), {
            name: one.ready_details for name, one in states.items()
        }

    async def _renew(self, name: str, checked: _Checked) -> None:
        state = await _outcome(checked.check)
        self._tell(name, checked, state)
        checked.state = state

    def _tell(self, name: str, checked: _Checked, state: State) -> None:
        now, fault = self._clock.monotonic(), state.fault
        if not fault:
            if checked.failures:
                self._log.info(
                    "Health check recovered",
                    check=name,
                    error=checked.state.fault,
                    failures=checked.failures,
                    duration=now - checked.failing_since,
                )
            checked.failures = 0
            return
        if state.started:
            self._log.error("Health check has failed", check=name, error=fault)
        elif checked.told_while_starting != fault:
            checked.told_while_starting = fault
            self._log.warning("Health check has failed. Starting up still.", check=name, error=fault)
        if not checked.failures:
            checked.failing_since = now
            self._log.warning("Health check failed", check=name, error=fault)
        checked.failures += 1


async def _outcome(check: Check) -> State:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await check()
    except TimeoutError:
        details = {"check_err": f"no answer within {CHECK_TIMEOUT:.0f} s"}
    except Exception as why:  # a broken check is not the end of the others
        details = {"check_err": str(why)}
    return State(live=False, ready=False, live_details=details, ready_details=details)
