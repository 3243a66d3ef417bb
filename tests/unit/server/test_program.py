from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from pathlib import Path

import pytest

from finial.authority.compose import Composition
from finial.errors import FinialError, Unavailable
from finial.runtime.clock import SystemClock
from finial.runtime.log import Output
from finial.server import program
from finial.server.main import kinds
from finial.server.program import Server, agent_pruning, policy_of
from finial.server.prune import AgentPruning
from finial.testing.server import Running, config_of, play, token


def test_options_become_the_policy(tmp_path: Path) -> None:
    options = """
      ca_ttl = "1h"
      default_x509_svid_ttl = "5m"
      agent_ttl = "10m"
      jwt_issuer = "https://issuer.test"
      ca_key_type = "ec-p384"
    """
    policy = policy_of(config_of(tmp_path, options), Composition({}))
    assert (policy.ca_ttl, policy.x509_svid_ttl, policy.agent_ttl, policy.jwt_svid_ttl) == (
        3600,
        300,
        600,
        300,
    )
    assert policy.jwt_issuer == "https://issuer.test"
    assert policy.jwt_key.value == "ec-p384"
    assert policy.ca_subject.organizations == ("SPIFFE",)


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


def test_a_database_that_is_away_does_not_end_the_keeping_of_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "REMEMBER_EVERY", 0.01)

    async def scene(running: Running) -> None:
        tried = asyncio.Queue[None]()
        answers = [Unavailable("away"), Unavailable("away"), None]

        async def remember() -> None:
            tried.put_nowait(None)
            if (answer := answers.pop(0)) is not None:
                raise answer

        monkeypatch.setattr(running.server.store, "remember", remember)
        await token(running)
        async with asyncio.timeout(5):
            for _ in range(3):
                await tried.get()
        assert sum("Failed to remember the history" in line for line in running.lines) == 2
        assert not running.server.failed.done()

    play(tmp_path, scene)


def test_agents_are_pruned_only_if_an_age_is_given(tmp_path: Path) -> None:
    assert agent_pruning(config_of(tmp_path, "prune_tofu_nodes = true").server) is None
    options = 'prune_attested_nodes_expired_for = "48h"'
    assert agent_pruning(config_of(tmp_path, options).server) == AgentPruning(timedelta(hours=48), 1000)
    options += " prune_attested_nodes_batch_size = 7 prune_tofu_nodes = true"
    assert agent_pruning(config_of(tmp_path, options).server) == AgentPruning(timedelta(hours=48), 7, True)


def test_a_server_told_to_prune_agents_says_so_at_start(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await asyncio.sleep(0)
        (line,) = (one for one in running.lines if "Periodic prune of expired nodes started" in one)
        assert "expired_for=48h0m0s include_tofu=true" in line

    play(tmp_path, scene, 'prune_attested_nodes_expired_for = "48h" prune_tofu_nodes = true')
