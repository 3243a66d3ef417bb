"""What an agent says of its own health; its life is in tests/playbooks."""

from __future__ import annotations

import asyncio
from pathlib import Path

from finial.testing.agent import RunningAgent
from finial.testing.scripted_server import ScriptedServer


def test_health_follows_the_workload_api(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            running = RunningAgent(tmp_path, server.address, server.bundle, server.new_token())
            before = await running.agent.check()
            assert (before.live, before.ready, before.started) == (True, False, False)
            async with running:
                await running.serving()
                state = await running.agent.check()
                assert (state.live, state.ready, state.fault) == (True, True, "")
                running.socket.unlink()
                state = await running.agent.check()
                assert (state.live, state.ready) == (False, False)

    asyncio.run(scenario())


def test_an_agent_serves_no_workload_api_where_it_is_switched_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            settings = {"serve_workload_api": False}
            token = server.new_token()
            async with RunningAgent(
                tmp_path, server.address, server.bundle, token, settings=settings
            ) as running:
                await running.serving()
                state = await running.agent.check()
                assert "unknown service SpiffeWorkloadAPI" in str(state.live_details)

    asyncio.run(scenario())
