from __future__ import annotations

import subprocess
import sys

import pytest

from finial.lab import hidden


def test_the_command_is_run_after_hiding(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(hidden, "hide", lambda: order.append("hide"))
    monkeypatch.setattr("runpy.run_module", lambda name, **_: order.append(name))
    hidden.main()
    assert order == ["hide", "finial"]


@pytest.mark.slow
def test_words_and_exit_code_are_those_of_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "finial.lab.hidden", "nonsense"], capture_output=True, text=True
    )
    assert done.returncode == 127
    assert 'there is no command "nonsense"' in done.stderr
