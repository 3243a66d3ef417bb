from __future__ import annotations

import io
import json

import pytest

from finial.cli import run
from finial.cli.console import Console
from finial.doctor.machine import ThisMachine


def call(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    return run(list(words), Console(program="finial", stdout=out, stderr=io.StringIO())), out.getvalue()


def test_a_machine_that_will_do() -> None:
    code, out = call("doctor")
    assert code == 0
    assert out.startswith("ok    platform")


def test_what_would_not_work_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ThisMachine, "has_memfd", lambda _: False)
    code, out = call("doctor", "-output", "json")
    found = {one["what"]: one for one in json.loads(out)}
    assert code == 1
    assert (found["memfd"]["result"], found["platform"]["result"]) == ("fail", "ok")
