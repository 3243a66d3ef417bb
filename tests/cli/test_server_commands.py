"""Commands of the server's socket beyond the transcripts, and what is told to who calls `finial`."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from finial.registry.agent import Agent
from finial.spiffe.id import SpiffeId
from finial.testing.commands import Commands
from finial.testing.server import Running, server

pytestmark = pytest.mark.slow
LONG_AGO, FAR = 946684800, 4102444800  # 2000 and 2100


def agent(name: str, expires_at: int, *, can_reattest: bool) -> Agent:
    id_ = SpiffeId.parse(f"spiffe://example.org/spire/agent/{name}")
    return Agent(id_, name.partition("/")[0], "42", expires_at, can_reattest=can_reattest)


async def attested(running: Running, *agents: Agent) -> None:
    for one in agents:
        committed = await running.server.store.put_agent(one)
    await running.server.follower.reached(committed.position)


def test_only_expired_agents_that_can_attest_again_are_purged(folder: Path) -> None:
    async def run() -> None:
        async with server(folder) as running:
            await attested(
                running,
                agent("x509pop/old", LONG_AGO, can_reattest=True),
                agent("x509pop/new", FAR, can_reattest=True),
                agent("join_token/old", LONG_AGO, can_reattest=False),
            )
            commands = Commands({"SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock"})
            purge = ["spire-server", "agent", "purge", "-output", "json"]
            old = {"agent_id": "spiffe://example.org/spire/agent/x509pop/old"}
            dry = await commands.run([*purge, "-dryRun"])
            assert json.loads(dry.out) == {"expired_agents": [old | {"deleted": False}]}
            done = await commands.run(purge)
            assert json.loads(done.out) == {"expired_agents": [old | {"deleted": True}]}
            assert (await commands.run(["spire-server", "agent", "count"])).out == "2 attested agents\n"

    asyncio.run(run())


def test_an_expiry_in_a_data_file_is_kept(folder: Path) -> None:
    """SPIRE's command reads every field of the file but this one."""
    row = {
        "parent_id": "spiffe://example.org/node",
        "spiffe_id": "spiffe://example.org/web",
        "selectors": [{"type": "unix", "value": "uid:1"}],
        "entry_expiry": FAR,
    }

    async def run() -> str:
        async with server(folder):
            commands = Commands({"SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock"})
            words = ["finial", "entry", "create", "-data", "-"]
            return (await commands.run(words, json.dumps({"entries": [row]}))).out

    assert "Expiration time         : 2100-01-01 00:00:00 +0000 UTC\n" in asyncio.run(run())


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user, which takes root")
def test_who_may_not_call_is_told_who_may(folder: Path) -> None:
    async def run() -> str:
        async with server(folder):
            (folder / "api.sock").chmod(0o700)
            commands = Commands({"SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock"})
            return (await commands.run_as(65534, ["finial", "entry", "show"])).err

    error, hint = asyncio.run(run()).splitlines()
    assert error.endswith('connect: permission denied"')
    assert hint.startswith("hint: ")
    assert 'belongs to user "root", group "root" (mode 0' in hint
    assert hint.endswith("call as that user, or join that group")
