from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.lab import stranger
from finial.testing.ca import TestCa
from finial.testing.workload import WorkloadApiServer


def test_a_refusal_is_told_in_the_agents_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with WorkloadApiServer(tmp_path / "api.sock") as api:
            assert await stranger.ask(api.address) == "no identity issued"
            api.serve(TestCa(), "/web")
            assert await stranger.ask(api.address) == "spiffe://example.org/web"

    asyncio.run(scenario())


def test_it_prints_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stranger.main([f"unix://{tmp_path}/none.sock"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert stranger.main([]) == 1
