"""The vectors of configuration texts are what hashicorp/hcl makes of them: made again, and compared."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.slow]
VECTORS = Path(__file__).parents[1] / "vectors" / "config"


def by_file(lines: Iterable[str]) -> dict[str, object]:
    records = [json.loads(line) for line in lines]
    return {one["file"]: one for one in records}


@pytest.mark.parametrize("what", ["tree", "decode"])
def test_go_reads_each_text_as_the_vectors_say(go_program: Callable[[str], Path], what: str) -> None:
    texts = sorted([*VECTORS.glob("*.hcl"), *VECTORS.glob("*.json")])
    made = subprocess.run(
        [go_program("hclvectors"), what, *texts], capture_output=True, text=True, check=True
    )
    kept = (VECTORS / f"{what}.jsonl").read_text().splitlines()
    assert by_file(made.stdout.splitlines()) == by_file(kept)
