from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from finial.errors import FinialError
from finial.runtime.clock import SystemClock
from finial.runtime.log import Output
from finial.server.main import kinds
from finial.server.program import Server
from finial.testing.server import Running, config_of, play


def test_a_start_tells_its_steps_in_order(tmp_path: Path) -> None:
    steps = (
        "msg=Configured ",
        "Opening SQL database",
        "Connected to SQL database",
        "Configured DataStore",
        "Plugin loaded",
        "Journal loaded",
        "X509 CA activated",
        "JWT key activated",
        "Completed building in-memory entry cache",
        "Logger service configured",
        "Starting Server APIs",
    )

    async def scene(running: Running) -> list[int]:
        text = running.log.getvalue()
        return [text.index(step) for step in steps]

    places = play(tmp_path, scene)
    assert places == sorted(places)


def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "data.sqlite3").write_bytes(b"this is no database" * 100)

    async def start() -> None:
        await Server(config_of(tmp_path), Output(io.StringIO(), now=SystemClock().now), kinds).start()

    with pytest.raises(FinialError):
        asyncio.run(start())
    assert not (tmp_path / "api.sock").exists()


def test_a_task_that_fails_is_told(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async def broken() -> None:
            raise RuntimeError("bug")

        running.server.tasks.start(broken(), name="broken")
        with pytest.raises(RuntimeError, match="bug"):
            await asyncio.wait_for(asyncio.shield(running.server.failed), 5)
        assert any("Task failed" in line and "task=broken" in line for line in running.lines)

    play(tmp_path, scene)


def test_a_server_told_to_prune_agents_says_so_at_start(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await asyncio.sleep(0)
        (line,) = (one for one in running.lines if "Periodic prune of expired nodes started" in one)
        assert "expired_for=48h0m0s include_tofu=true" in line

    play(tmp_path, scene, 'prune_attested_nodes_expired_for = "48h" prune_tofu_nodes = true')
