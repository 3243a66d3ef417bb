"""An agent whose server was replaced by one with other keys."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from finial.agent.rebootstrap import Mode
from finial.errors import FailedPrecondition
from finial.testing.agent import RunningAgent
from finial.testing.scripted_server import ScriptedServer

AT_ONCE = (Mode.AUTO, timedelta())


def test_an_agent_that_can_attest_again_starts_its_trust_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as old, ScriptedServer() as new:
            old.reattestable = new.reattestable = True
            first = RunningAgent(tmp_path, old.address, old.bundle, old.new_token(), rebootstrap=AT_ONCE)
            async with first:
                await first.serving()
            lost = RunningAgent(tmp_path, new.address, new.bundle, rebootstrap=AT_ONCE)
            async with lost:
                with pytest.raises(FailedPrecondition, match="needs to rebootstrap"):
                    await lost.serving()
            assert new.calls["AttestAgent"] == 0
            token = new.new_token()
            async with RunningAgent(tmp_path, new.address, new.bundle, token, rebootstrap=AT_ONCE) as back:
                await back.serving()

    asyncio.run(scenario())


def test_an_agent_that_cannot_attest_again_keeps_its_identity(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as old, ScriptedServer() as new:
            token = old.new_token()
            async with RunningAgent(tmp_path, old.address, old.bundle, token, rebootstrap=AT_ONCE) as first:
                await first.serving()
                assert "Disabling" in first.log
            lost = RunningAgent(tmp_path, new.address, new.bundle, rebootstrap=AT_ONCE)
            async with lost:
                await lost.until_logged("rebootstrap_mode lets agents")
            async with RunningAgent(tmp_path, old.address, old.bundle) as back:
                await back.serving()
            assert old.calls["AttestAgent"] == 1

    asyncio.run(scenario())
