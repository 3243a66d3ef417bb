from __future__ import annotations

import io
import json

from finial import SPIRE_VERSION, __version__
from finial.cli import run
from finial.cli.console import Console


def call(*words: str, program: str = "finial") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run(list(words), Console(program=program, stdout=out, stderr=err)), out.getvalue(), err.getvalue()


def test_names_both_versions() -> None:
    code, out, _ = call("version")
    assert code == 0
    assert out.startswith(f"finial {__version__} (SPIRE {SPIRE_VERSION}")


def test_as_json() -> None:
    _, out, _ = call("version", "-output", "json")
    assert json.loads(out)["finial"] == __version__


def test_the_flag_prints_what_each_program_prints() -> None:
    assert call("--version", program="spire-server") == (0, "", f"{SPIRE_VERSION}\n")
    assert call("-version")[1].startswith(f"finial {__version__}")
