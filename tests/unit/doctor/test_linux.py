from __future__ import annotations

import pytest
from tests.unit.doctor.test_laptop import Told

from finial.doctor.finding import Result
from finial.doctor.linux import protection


@pytest.mark.parametrize(
    ("machine", "what", "result", "seen"),
    [
        (Told(pins=False), "pidfd of callers", Result.WARN, "callers are known by their number"),
        (Told(scope=0), "Yama", Result.WARN, "ptrace_scope is 0"),
        (Told(scope=None), "Yama", Result.WARN, "Yama is not there"),
        (Told(memfd=False), "memfd", Result.FAIL, "cannot be made"),
    ],
)
def test_one_protection_is_missing(machine: Told, what: str, result: Result, seen: str) -> None:
    found = {one.what: one for one in protection(machine)}
    assert (found[what].result, found[what].seen) == (result, seen)
    assert found[what].why and found[what].next_step
    assert {one.result for name, one in found.items() if name != what} == {Result.OK}
