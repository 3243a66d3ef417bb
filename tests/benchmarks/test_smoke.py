"""Each row of `./dev bench` in its quick form: it runs, and tells every figure that it has a goal for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"
METRICS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import run
print(json.dumps({row.name: [goal.metric for goal in row.goals] for row in run.ROWS}))
"""


def rows() -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", METRICS, str(RUN.parent)], capture_output=True, text=True, check=True
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.parametrize(("name", "metrics"), rows().items())
def test_a_row_runs_and_tells_its_figures(name: str, metrics: list[str], tmp_path: Path) -> None:
    if shutil.which("go") is None and os.environ.get("FINIAL_ALLOW_MISSING") == "1":
        pytest.skip("Go is not installed")
    out = tmp_path / "figures.json"
    command = [sys.executable, str(RUN), "--quick", "--exact", name, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    measured = json.loads(out.read_text())["rows"][name]["finial"]
    assert all(measured[metric] >= 0 for metric in metrics)
    assert name in done.stderr
