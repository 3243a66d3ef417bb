"""Looking at a real server and a real agent: what comes into the scene, and what is said where nobody answers."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from finial.doctor.explain import Fault, Question, Scene, explain
from finial.doctor.explain.look import by_itself, endpoint_of, look, processes_of
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import UNIX, Server, unary
from finial.runtime.sockets import Listener, listen_unix
from finial.runtime.tasks import Tasks
from finial.spiffe.id import SpiffeId, server_id
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.scripted_server import ScriptedServer
from finial.testing.server import TRUST_DOMAIN, Running, attest, play
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.status import to_grpc_error

UID, PATH = Selector("unix", "uid:1000"), Selector("unix", "path:/usr/bin/web")
WEB, ZONE, LONE = (SpiffeId.of(TRUST_DOMAIN, one) for one in ("/web", "/zone", "/lone"))
PYTHON = os.path.realpath(sys.executable)


def at_server(folder: Path, ask: Callable[[Running, SpiffeId], Awaitable[Scene]]) -> Scene:
    """A server with an agent; `web` below an alias that the agent lacks a selector for."""

    async def scene(running: Running) -> Scene:
        agent = (await attest(running)).id
        entries = [
            Entry("web", WEB, ZONE, (UID, PATH)),
            Entry("zone", ZONE, server_id(TRUST_DOMAIN), (Selector("n", "1"),)),
            Entry("lone", LONE, agent, (Selector("unix", "uid:7"),)),
        ]
        request = entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(one) for one in entries])
        async with running.admin() as channel:
            await unary(EntryStub(channel).BatchCreateEntry, request)
        return await ask(running, agent)

    return play(folder, scene)


def test_a_server_tells_what_shares_a_selector_and_the_ways_up(tmp_path: Path) -> None:
    async def ask(running: Running, agent: SpiffeId) -> Scene:
        question = Question(selectors=(UID, PATH), agent_id=agent)
        return await look(question, SystemClock(), server_socket=str(running.server.socket_path))

    scene = at_server(tmp_path, ask)
    assert scene.server
    assert scene.server.trust_domain == TRUST_DOMAIN
    assert scene.server.agent
    assert {one.id for one in scene.server.entries} == {"web", "zone"}
    assert [one.fault for one in explain(scene).findings] == [Fault.ALIAS_SHORT]


def test_the_expected_identity_is_asked_for_by_name(tmp_path: Path) -> None:
    async def ask(running: Running, agent: SpiffeId) -> Scene:
        question = Question(selectors=(UID,), spiffe_id=LONE, agent_id=agent)
        return await look(question, SystemClock(), server_socket=str(running.server.socket_path))

    scene = at_server(tmp_path, ask)
    [nearest, *_] = explain(scene).candidates
    assert (nearest.entry.id, nearest.changes) == ("lone", 1)


def test_an_agent_the_server_does_not_know_is_told(tmp_path: Path) -> None:
    async def ask(running: Running, agent: SpiffeId) -> Scene:
        gone = SpiffeId.of(TRUST_DOMAIN, "/spire/agent/join_token/gone")
        question = Question(selectors=(UID, PATH), agent_id=gone)
        return await look(question, SystemClock(), server_socket=str(running.server.socket_path))

    assert Fault.AGENT_EVICTED in [one.fault for one in explain(at_server(tmp_path, ask)).findings]


def test_an_agent_is_asked_about_a_process(tmp_path: Path) -> None:
    async def scenario() -> Scene:
        async with ScriptedServer(watchable=True) as server:
            own = Selector("unix", f"uid:{os.geteuid()}")
            server.entries = {"a": Entry("a", WEB, ZONE, (own,))}
            async with RunningAgent(tmp_path, server.address, server.bundle, server.new_token()) as agent:
                await agent.serving()
                async with asyncio.timeout(10):
                    while True:
                        question = Question(pid=os.getpid())
                        scene = await look(question, SystemClock(), agent_socket=str(agent.socket))
                        if explain(scene).identities:
                            return scene

    scene = asyncio.run(scenario())
    assert explain(scene).findings == ()
    assert scene.process
    assert scene.process.path == PYTHON
    assert explain(scene).identities == (str(WEB),)


def test_nobody_at_a_socket_is_part_of_the_scene(tmp_path: Path) -> None:
    missing = str(tmp_path / "api.sock")
    scene = asyncio.run(look(Question(pid=1), SystemClock(), agent_socket=missing, server_socket=missing))
    assert scene.agent_away.startswith(f"{missing}: ")
    assert scene.server_silent.startswith(f"{missing}: ")
    assert [one.fault for one in explain(scene).findings] == [Fault.AGENT_AWAY]


def test_a_program_is_found_by_its_path_and_its_socket_by_its_environment() -> None:
    async def scenario() -> None:
        environment = {**os.environ, "SPIFFE_ENDPOINT_SOCKET": "unix:///run/x/api.sock"}
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "print(flush=True);input()", stdin=PIPE, stdout=PIPE, env=environment
        )
        assert other.stdout
        await other.stdout.readline()
        assert other.pid in processes_of(PYTHON)
        assert endpoint_of(other.pid) == "/run/x/api.sock"
        await other.communicate(b"\n")
        assert endpoint_of(other.pid) == ""

    asyncio.run(scenario())


def test_beside_an_agent_that_tells_nothing_the_kernel_is_asked() -> None:
    scene = by_itself(
        Scene(Question(pid=os.getpid()), agent_silent="a stock agent tells nothing of its processes")
    )
    assert Selector("unix", f"uid:{os.geteuid()}") in scene.selectors
    assert Selector("unix", f"path:{PYTHON}") in scene.selectors
    assert scene.process
    assert scene.process.path == PYTHON
    gone = by_itself(Scene(Question(pid=2**22 + 1)))
    assert [one.fault for one in explain(gone).findings] == [Fault.PID_GONE]
    assert by_itself(Scene(Question(selectors=(UID,)))).process is None


def test_a_stock_agent_answers_and_tells_nothing(tmp_path: Path) -> None:
    async def scenario() -> Scene:
        server = Server([], UNIX, to_status=to_grpc_error)
        listener = listen_unix(tmp_path / "api.sock")
        async with Tasks() as tasks:
            listening = Listener(listener, server.protocol, tasks)
            try:
                socket = str(tmp_path / "api.sock")
                return await look(Question(pid=os.getpid()), SystemClock(), agent_socket=socket)
            finally:
                listening.close()

    scene = asyncio.run(scenario())
    assert scene.agent_silent == "a stock agent tells nothing of its processes"
    assert scene.selectors


@pytest.mark.parametrize("path", ["/no/such/program", ""])
def test_a_program_that_does_not_run_is_not_found(path: str) -> None:
    assert processes_of(path) == []
