from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from finial.runtime import fault


def test_a_point_passes_when_nothing_is_armed() -> None:
    fault.point("entries.create.commit")


def test_a_hook_hears_every_point_and_may_raise() -> None:
    heard: list[str] = []
    with fault.hooked(heard.append):
        fault.point("a.begin")
        fault.point("a.commit")
    fault.point("a.committed")
    assert heard == ["a.begin", "a.commit"]


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "passed"), [("a.commit", 0), ("a.commit:3", 2)])
def test_the_variable_kills_at_the_nth_pass(setting: str, passed: int) -> None:
    program = (
        "from finial.runtime import fault\n"
        "fault.point('a.begin')\n"
        "while True:\n"
        "    fault.point('a.commit')\n"
        "    print('passed', flush=True)\n"
    )
    environment = {**os.environ, fault.VARIABLE: setting}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.count(b"passed") == passed
