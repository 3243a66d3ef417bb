"""Rules by promtool: each alert fires when it should, with these labels and words, and else is silent."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

RULES = Path(__file__).parents[3] / "deploy" / "monitoring" / "prometheus" / "rules"
CASES = sorted((Path(__file__).parent / "rules").glob("*.yml"))
pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="session")
def promtool(debian_program: Callable[[str, str], Path]) -> Path:
    return debian_program("prometheus", "promtool")


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_are_rules(promtool: Path) -> None:
    assert "SUCCESS" in run(promtool, "check", "rules", *sorted(RULES.glob("*.yml")))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent(promtool: Path, cases: Path) -> None:
    run(promtool, "test", "rules", cases)


def alerts() -> set[str]:
    groups = [group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def test_each_alert_is_tried_both_ways() -> None:
    tried: dict[bool, set[str]] = {True: set(), False: set()}
    for path in CASES:
        for test in yaml.safe_load(path.read_text())["tests"]:
            one: dict[str, Any] = test["alert_rule_test"][0]
            tried[bool(one["exp_alerts"])].add(one["alertname"])
    assert tried[True] == tried[False] == alerts()
