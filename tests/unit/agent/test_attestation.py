"""Workload attestors asked side by side."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from finial.agent.attestation import WorkloadAttestation
from finial.errors import Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.runtime.log import Level, Logger, Output
from finial.runtime.metrics import Metrics
from finial.spiffe.selector import Selector
from finial.testing.metrics import told, unread


@dataclass
class Process:
    """`checks`: how many succeed."""

    pid: int = 7
    uid: int = 0
    gid: int = 0
    checks: int = 2

    def check(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise Unavailable("caller pid 7: program changed since it connected")


class Telling:
    def __init__(self, *values: str, meet: asyncio.Barrier | None = None) -> None:
        self.values, self.meet = values, meet

    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        if self.meet is not None:
            await self.meet.wait()
        return [Selector("t", value) for value in self.values]


class Failing:
    async def attest(self, process: WorkloadProcess) -> Sequence[Selector]:
        raise ValueError("broken")


def attestation(
    metrics: Metrics | None = None, **attestors: Telling | Failing
) -> tuple[WorkloadAttestation, io.StringIO]:
    text = io.StringIO()
    output = Output(text, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), level=Level.DEBUG, strict=True)
    return WorkloadAttestation(attestors, Logger(output), metrics or unread()), text


def test_attestations_are_counted_as_a_whole_and_by_attestor() -> None:
    metrics = unread()
    both, _ = attestation(metrics, one=Telling("a", "b"), two=Failing())
    asyncio.run(both.selectors(Process()))
    counted = told(metrics)
    assert counted['s_workload_api_workload_attestation{status="OK"}'] == 1
    assert counted['s_workload_api_workload_attestor{attestor="one",status="OK"}'] == 1
    assert counted['s_workload_api_workload_attestor{attestor="two",status="Internal"}'] == 1
    assert counted["s_workload_api_discovered_selectors_sum"] == 2
    assert counted['finial_workload_attestation_seconds_count{method="two",status="Internal"}'] == 1


def test_all_are_asked_at_once_and_their_selectors_joined() -> None:
    async def scenario() -> None:
        meet = asyncio.Barrier(2)
        both, _ = attestation(one=Telling("a", meet=meet), two=Telling("b", "a", meet=meet))
        assert await both.selectors(Process()) == {Selector("t", "a"), Selector("t", "b")}

    asyncio.run(asyncio.wait_for(scenario(), 5))


def test_one_that_fails_is_left_out() -> None:
    some, text = attestation(one=Failing(), two=Telling("a"))
    assert asyncio.run(some.selectors(Process())) == {Selector("t", "a")}
    assert 'workload attestor \\"one\\" failed' in text.getvalue()


def test_all_failing_is_unavailable() -> None:
    none, _ = attestation(one=Failing(), two=Failing())
    with pytest.raises(Unavailable, match=r"^workload attestation failed$"):
        asyncio.run(none.selectors(Process()))


@pytest.mark.parametrize("checks", [0, 1], ids=["before", "meanwhile"])
def test_a_process_that_became_another_is_not_attested(checks: int) -> None:
    one, _ = attestation(one=Telling("a"))
    with pytest.raises(Unavailable, match=r"^workload attestation failed$"):
        asyncio.run(one.selectors(Process(checks=checks)))


def test_selectors_are_not_logged() -> None:
    one, text = attestation(one=Telling("secret-label"))
    asyncio.run(one.selectors(Process()))
    assert "secret-label" not in text.getvalue()
