"""Callers of a real agent that are not who they were: the connection of a process that ended, whose number
was given to another, that became another program, or that the agent cannot see. None of them gets an SVID."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.lab import process
from finial.testing.domain import Domain

PROGRAM = Path(__file__).with_name("caller.py")
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chooses pids")
IN_ANOTHER_PID_NAMESPACE = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x20000000):  # CLONE_NEWPID, from sched.h: of the children
    raise OSError(ctypes.get_errno(), "unshare")
child = os.fork()
if child == 0:
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    os.execv(sys.executable, [sys.executable, "-m", "finial", *sys.argv[1:]])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """An entry for everyone with our uid."""
    made = Domain(tmp_path_factory.mktemp("served"))

    async def start() -> None:
        await made.start()
        await made.register("web", f"unix:uid:{os.getuid()}")

    asyncio.run(start())
    yield made
    asyncio.run(made.stop())


class Caller:
    def __init__(self, mode: str, domain: Domain, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), mode, domain.endpoint],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "connected\n"

    def answer(self, line: str = "") -> str:
        """Of whoever holds the connection now."""
        said, _ = self.process.communicate(line, timeout=30)
        return said.strip()


def test_a_caller_that_stays_who_it_is_gets_its_svid(served: Domain) -> None:
    assert Caller("stay", served).answer() == "spiffe://example.org/web"


def test_the_connection_of_a_process_that_ended_is_worth_nothing(served: Domain) -> None:
    refused(Caller("die", served).answer())
    assert "process has ended" in served.agent_log


def refused(answer: str) -> None:
    """With an answer that tells the caller nothing, or none at all."""
    assert answer.startswith("Unavailable: "), answer
    assert "spiffe://" not in answer


def test_a_caller_that_became_another_program_is_refused(served: Domain, tmp_path: Path) -> None:
    other = Path(shutil.copy(os.path.realpath(sys.executable), tmp_path / "other"))
    paths = os.pathsep.join(one for one in sys.path if one)
    refused(Caller("exec", served, OTHER=str(other), PYTHONHOME=sys.base_prefix, PYTHONPATH=paths).answer())
    assert "program changed since it connected" in served.agent_log


@needs_root
def test_a_process_with_the_number_of_one_that_ended_does_not_inherit_its_identity(served: Domain) -> None:
    caller = Caller("linger", served)
    caller.process.wait()
    heir = take_pid(caller.process.pid)
    try:
        refused(caller.answer("go\n"))
    finally:
        heir.kill()
        heir.wait()


def take_pid(pid: int) -> subprocess.Popen[bytes]:
    """A process with this number; others may be quicker, so it is tried again."""
    for _ in range(200):
        LAST_PID.write_text(str(pid - 1))
        made = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        if made.pid == pid:
            return made
        made.kill()
        made.wait()
    pytest.fail(f"pid {pid} was not to be had")


@needs_root
async def test_a_caller_whose_pid_the_agent_cannot_see_is_refused(tmp_path: Path) -> None:
    domain = Domain(tmp_path)
    domain.configure()
    await domain.start_server()
    token = await domain.enrol()
    arguments = ["agent", "run", "-config", f"{tmp_path}/agent.conf", "-joinToken", token]
    agent = process.start("agent", ["-c", IN_ANOTHER_PID_NAMESPACE, *arguments], tmp_path / "agent.log")
    try:
        async with asyncio.timeout(40):
            while not (tmp_path / "agent.sock").exists():
                assert agent.popen.poll() is None, domain.agent_log
                await asyncio.sleep(0.05)
        command = [sys.executable, str(PROGRAM), "stay", domain.endpoint]
        asked = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert "spiffe://" not in asked.stdout
        assert "another pid namespace" in domain.agent_log
    finally:
        await agent.end()
        await domain.stop()
