"""What a running agent tells of a process: to whom, and how much."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finial.agent import observe
from finial.errors import FinialError, Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.registry.entry import Entry
from finial.runtime.grpc import unary
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.scripted_server import ScriptedServer
from finial.wire.client import ServerChannel
from finial.wire.pb.finial.explain.v1 import explain_pb2 as api
from finial.wire.pb.finial.explain.v1.explain_grpc import ExplainStub

NODE = SpiffeId.parse("spiffe://example.org/node")
WEB = Entry("web", SpiffeId.parse("spiffe://example.org/web"), NODE, (Selector("unix", "uid:4711"),))
PYTHON = os.path.realpath(sys.executable)
Ask = Callable[..., Awaitable[api.ObserveResponse]]


class Broken:
    """A workload attestor that cannot."""

    async def attest(self, process: WorkloadProcess) -> list[Selector]:
        raise Unavailable("no such socket")


def play(folder: Path, scene: Callable[[Ask, RunningAgent], Awaitable[None]], **options: Any) -> None:
    async def scenario() -> None:
        async with ScriptedServer(watchable=True) as server:
            server.entries = {"web": WEB}
            agent = RunningAgent(folder, server.address, server.bundle, server.new_token(), **options)
            async with agent, ServerChannel(path=str(agent.socket)) as channel:
                await agent.serving()

                async def ask(**request: int) -> api.ObserveResponse:
                    return await unary(ExplainStub(channel).Observe, api.ObserveRequest(**request))

                await scene(ask, agent)

    asyncio.run(scenario())


def test_a_trusted_caller_sees_the_agent_and_all_that_it_holds(tmp_path: Path) -> None:
    async def scene(ask: Ask, agent: RunningAgent) -> None:
        async with asyncio.timeout(10):
            while not [one for one in (await ask()).held if one.signed]:  # noqa: ASYNC110 - it is asked, not told
                await asyncio.sleep(0.01)
        seen = await ask()
        assert seen.agent.spiffe_id.endswith(agent.agent_path)
        assert seen.agent.socket == str(agent.socket)
        assert seen.agent.trouble == ""
        assert abs(seen.agent.now - seen.agent.synced_at) < 5
        assert abs(seen.agent.ahead) < 5
        [held] = seen.held
        assert held.entry.id == "web"
        assert held.not_after > seen.agent.now
        assert not held.tainted
        assert not seen.redacted

    play(tmp_path, scene)


def test_the_caller_and_any_other_process_are_looked_at(tmp_path: Path) -> None:
    async def scene(ask: Ask, agent: RunningAgent) -> None:
        own = await ask(caller_pid=os.getpid())
        assert (own.process.pid, own.process.alive, own.process.same_namespace) == (os.getpid(), True, True)
        [unix] = own.attestors
        assert Selector("unix", f"uid:{os.geteuid()}") in [
            Selector(one.type, one.value) for one in unix.selectors
        ]
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=PIPE)
        seen = await ask(pid=other.pid)
        assert seen.process.alive
        assert seen.process.path == PYTHON
        await other.communicate(b"\n")
        gone = await ask(pid=other.pid)
        assert not gone.process.alive
        assert not gone.attestors

    play(tmp_path, scene)


def test_a_number_of_another_pid_namespace_is_not_taken_for_one_of_ours(tmp_path: Path) -> None:
    async def scene(ask: Ask, agent: RunningAgent) -> None:
        seen = await ask(pid=os.getpid(), caller_pid=1)
        assert not seen.process.same_namespace
        assert not seen.attestors

    play(tmp_path, scene)


def test_an_attestor_that_fails_is_told_beside_one_that_does_not(tmp_path: Path) -> None:
    async def scene(ask: Ask, agent: RunningAgent) -> None:
        [broken] = (await ask()).attestors
        assert (broken.name, broken.failure, list(broken.selectors)) == ("broken", "no such socket", [])

    play(tmp_path, scene, attestors={"broken": Broken()})


def test_others_may_ask_about_themselves_and_see_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = SimpleNamespace(pid=os.getpid(), uid=54321, gid=54321, check=lambda: None)
    monkeypatch.setattr(observe, "caller", lambda _: stranger)

    async def scene(ask: Ask, agent: RunningAgent) -> None:
        seen = await ask()
        assert seen.redacted
        assert not seen.held
        assert seen.attestors
        with pytest.raises(FinialError, match="process 1 is not yours to ask about"):
            await ask(pid=1, caller_pid=os.getpid())
        pretending = await ask(pid=1, caller_pid=1)
        assert not pretending.attestors
        assert not pretending.held

    play(tmp_path, scene)
