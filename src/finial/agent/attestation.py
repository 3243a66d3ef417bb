"""Which selectors a process has: every workload attestor is asked, all at once.

One that fails is logged and left out if another succeeded; if all fail the process has no selectors that
could be trusted, and the caller hears "workload attestation failed". SPIRE 1.15
`pkg/agent/attestor/workload`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from finial.errors import FinialError, Internal, Unavailable
from finial.plugin.kinds import WorkloadAttestor, WorkloadProcess
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.spiffe.selector import Selector

FAILED = "workload attestation failed"


class WorkloadAttestation:
    """The attestors of this agent, by name."""

    def __init__(self, attestors: Mapping[str, WorkloadAttestor], log: Logger, metrics: Metrics) -> None:
        self._attestors = dict(attestors)
        self._attestations = metrics.calls("workload_api.workload_attestation")
        self._discovered = metrics.sample("workload_api.discovered_selectors")
        self._by_method = {
            one: (
                metrics.calls("workload_api.workload_attestor", attestor=one),
                metrics.timed("finial.workload_attestation_seconds", method=one),
            )
            for one in attestors
        }
        self._log = log

    async def asked(self, process: WorkloadProcess) -> list[tuple[str, Sequence[Selector] | FinialError]]:
        """What each attestor answers, by its name, for whoever wants to know why. Nothing is logged.

        Raises: Unavailable if the process changed meanwhile.
        """
        process.check()
        found = await asyncio.gather(
            *(one.attest(process) for one in self._attestors.values()), return_exceptions=True
        )
        process.check()
        return [(name, _answer(one)) for name, one in zip(self._attestors, found, strict=True)]

    async def selectors(self, process: WorkloadProcess) -> frozenset[Selector]:
        """The process is checked before and after: what was read is about the one that connected.

        Raises: Unavailable if it changed or no attestor succeeded.
        """
        with self._attestations.measured():
            selectors = await self._selectors(process)
        self._discovered.add(len(selectors))
        self._log.debug("PID attested to have selectors", pid=process.pid, selectors=len(selectors))
        return selectors

    async def _selectors(self, process: WorkloadProcess) -> frozenset[Selector]:
        try:
            process.check()
            asked = [self._ask(name, one, process) for name, one in self._attestors.items()]
            # One alone needs no task of its own.
            found = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
            process.check()
        except FinialError as why:
            self._log.error("Workload attestation failed", pid=process.pid, error=why)
            raise Unavailable(FAILED) from why
        successes = [selectors for selectors in found if selectors is not None]
        if self._attestors and not successes:
            raise Unavailable(FAILED)
        return frozenset(one for some in successes for one in some)

    async def _ask(
        self, name: str, attestor: WorkloadAttestor, process: WorkloadProcess
    ) -> Sequence[Selector] | None:
        """None: it failed."""
        calls, seconds = self._by_method[name]
        try:
            with calls.measured(), seconds.measured():
                return await attestor.attest(process)
        except Exception as why:  # a broken plugin is one that failed
            self._log.error(f'workload attestor "{name}" failed', pid=process.pid, error=why)
            return None


def _answer(found: Sequence[Selector] | BaseException) -> Sequence[Selector] | FinialError:
    if isinstance(found, FinialError) or not isinstance(found, BaseException):
        return found
    return Internal(f"{type(found).__name__}: {found}")
