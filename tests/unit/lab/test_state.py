from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition
from finial.lab import state
from finial.lab.state import Started, State

FULL = State(
    {"server": 8081, "web": 18443},
    ttl=10,
    launcher=Started(7, 70),
    processes={"server": Started(8, 80)},
    agents=("spiffe://example.org/spire/agent/join_token/x",),
    phases={"server": 0.5},
)


@pytest.mark.parametrize("written", [FULL, State({})])
def test_what_is_written_is_read(tmp_path: Path, written: State) -> None:
    state.write(tmp_path / "lab.json", written)
    assert state.read(tmp_path / "lab.json") == written
    assert stat.S_IMODE((tmp_path / "lab.json").stat().st_mode) == 0o600


def test_no_file_is_no_lab(tmp_path: Path) -> None:
    assert state.read(tmp_path / "lab.json") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"version": state.VERSION + 1}',
        '{"version": 1, "ports": {"server": "many"}}',
        '{"version": 1, "ports": {"a": 1e999}}',
        "[" * 99_999,
    ],
)
def test_a_file_that_cannot_be_read_tells_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab.json").write_text(text)
    with pytest.raises(FailedPrecondition, match="not a file of this version") as caught:
        state.read(tmp_path / "lab.json")
    assert "finial up -fresh" in (caught.value.hint or "")


def test_a_file_of_another_version_is_refused_whole(tmp_path: Path) -> None:
    state.write(tmp_path / "lab.json", FULL)
    raw = json.loads((tmp_path / "lab.json").read_text())
    (tmp_path / "lab.json").write_text(json.dumps(raw | {"version": state.VERSION + 1}))
    with pytest.raises(FailedPrecondition):
        state.read(tmp_path / "lab.json")
