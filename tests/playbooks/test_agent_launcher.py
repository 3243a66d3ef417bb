"""Ten services, one user, one interpreter: only the one that the launcher started gets its identity."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import pytest

from finial.plugins.workload.launcher import LauncherAttestor
from finial.registry.entry import Entry
from finial.runtime import handover
from finial.runtime.handover import Handover
from finial.runtime.log import Logger, Output
from finial.runtime.peer import pin_process
from finial.runtime.tasks import Tasks
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.clock import VirtualClock
from finial.testing.scripted_server import ScriptedServer

PARENT = SpiffeId.parse("spiffe://example.org/spire/agent/join_token/token-0")

# Asks for its identity when told to, itself, in a child, or in the same process after an exec.
SERVICE = """
import asyncio, os, subprocess, sys
from finial.client.workload import WorkloadApi
from finial.errors import FinialError
async def ask(address):
    async with WorkloadApi(address) as api:
        try:
            context = await api.fetch_x509()
            print(*(one.svid.id.path for one in context.identities), flush=True)
        except FinialError as why:
            print(why, flush=True)
if sys.argv[1] == "ask":
    asyncio.run(ask(sys.argv[2])); sys.exit()
print("ready", flush=True)
for line in sys.stdin:
    command = [sys.executable, sys.argv[0], "ask", sys.argv[2]]
    match line.strip():
        case "self":
            asyncio.run(ask(sys.argv[2]))
        case "child":
            subprocess.run(command)
        case "exec":
            os.execv(sys.executable, command)
        case "shell":
            os.execv("/bin/sh", ["sh", "-c", "exec " + " ".join(command)])
"""


class Service:
    def __init__(self, script: Path, address: str) -> None:
        command = [sys.executable, str(script), "serve", address]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self, how: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(how + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def hand_over(launcher: object, service: Service, name: str) -> None:
    held = pin_process(service.process.pid)
    try:
        handover.send(launcher, Handover(name, held.pid, held.start_time, held.pidfd))  # type: ignore[arg-type]
    finally:
        held.close()


@pytest.mark.slow
def test_the_service_is_told_from_its_children_copies_and_successors(tmp_path: Path) -> None:
    async def scenario() -> None:
        script = tmp_path / "service.py"
        script.write_text(SERVICE)
        ours, theirs = handover.channel()
        clock = VirtualClock()
        with ours:
            attestor = LauncherAttestor(theirs, Logger(Output(io.StringIO(), now=clock.now)))
            async with ScriptedServer() as server, Tasks() as tasks:
                web = SpiffeId.parse("spiffe://example.org/web")
                selectors = (Selector("launcher", "service:web"),)
                server.entries = {"web": Entry("web", web, PARENT, selectors)}
                tasks.start(attestor.run())
                async with RunningAgent(
                    tmp_path,
                    server.address,
                    server.bundle,
                    server.new_token(),
                    attestors={"launcher": attestor},
                    settings={"deep": True},
                ) as agent:
                    await agent.serving()
                    await asyncio.to_thread(play, script, f"unix://{agent.socket}", ours)
            attestor.close()

    asyncio.run(scenario())


def play(script: Path, address: str, launcher: object) -> None:
    services = [Service(script, address) for _ in range(4)]
    real, copy, execs, shells = services
    try:
        for one in (real, execs, shells):
            hand_over(launcher, one, "web")
        assert real.ask("self") == "/web"
        assert "no identity issued" in real.ask("child")
        assert real.ask("self") == "/web"
        assert "no identity issued" in copy.ask("self")
        assert execs.ask("self") == "/web"
        assert "no identity issued" in execs.ask("exec")
        assert "no identity issued" in shells.ask("shell")
    finally:
        for one in services:
            one.close()
