"""The vectors of templates are what Go's text/template and sprig make of them: made again, and compared."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]
VECTORS = Path(__file__).parents[1] / "vectors" / "template"


def test_go_renders_the_templates_as_the_vectors_say(go_program: Callable[[str], Path]) -> None:
    with (VECTORS / "templates.txt").open() as templates:
        made = subprocess.run(
            [go_program("templatevectors")], stdin=templates, capture_output=True, text=True, check=True
        )
    assert made.stdout.splitlines() == (VECTORS / "rendered.jsonl").read_text().splitlines()
