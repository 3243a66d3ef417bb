"""Attacks on the launcher's word: only the very process that was started gets the selector.

Services here are real processes which connect to a real Unix socket; the attestor sees what the Workload
API would see, a caller pinned at accept.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.errors import FinialError, InvalidArgument
from finial.plugins.workload.launcher import LauncherAttestor
from finial.runtime import frames, handover, peer
from finial.runtime.handover import Handover
from finial.runtime.log import Logger, Output

# Connects where it is told, line by line of standard input, in the way that it is told.
SERVICE = """
import os, socket, subprocess, sys
CONNECT = "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);s.recv(1)"
print("ready", flush=True)
for line in sys.stdin:
    how, path = line.split()
    if how == "self":
        s = socket.socket(socket.AF_UNIX); s.connect(path); s.recv(1); s.close()
    elif how == "fork":
        if os.fork() == 0:
            s = socket.socket(socket.AF_UNIX); s.connect(path); s.recv(1); os._exit(0)
        os.wait()
    elif how == "spawn":
        subprocess.run([sys.executable, "-c", CONNECT, path])
    elif how == "exec-self":
        os.execv(sys.executable, [sys.executable, "-c", CONNECT, path])
    elif how == "lend":  # the child keeps the socket, the service closes its own
        s = socket.socket(socket.AF_UNIX); s.connect(path)
        if os.fork() == 0:
            s.sendall(b"child"); s.recv(1); os._exit(0)
        s.close()
    elif how == "exec-shell":
        os.execv("/bin/sh", ["sh", "-c", sys.executable + " -c '" + CONNECT + "' " + path + "; true"])
    elif how == "exec-connected":  # the socket lives on in the program that follows
        s = socket.socket(socket.AF_UNIX); s.connect(path); os.set_inheritable(s.fileno(), True)
        os.execv("/bin/sh", ["sh", "-c", "read x"])
"""


@dataclass
class Bench:
    """A launcher, an agent's attestor and the socket that services call."""

    launcher: socket.socket
    attestor: LauncherAttestor
    listener: socket.socket
    path: str
    log: io.StringIO
    loop: asyncio.AbstractEventLoop

    def hand_over(
        self, process: subprocess.Popen[str], service: str = "web", start_time: int | None = None
    ) -> None:
        held = peer.pin_process(process.pid)
        try:
            told = held.start_time if start_time is None else start_time
            handover.send(self.launcher, Handover(service, held.pid, told, held.pidfd))
        finally:
            held.close()

    def caller(self, process: subprocess.Popen[str], how: str) -> tuple[peer.Peer, socket.socket]:
        assert process.stdin is not None
        process.stdin.write(f"{how} {self.path}\n")
        process.stdin.flush()
        connection, _ = self.listener.accept()
        return peer.pin(connection, deep=True), connection

    def selectors(self, process: subprocess.Popen[str], how: str = "self") -> list[str]:
        caller, connection = self.caller(process, how)
        try:
            return self.attest(caller)
        finally:
            caller.close()
            connection.close()

    def attest(self, caller: peer.Peer) -> list[str]:
        found = asyncio.run_coroutine_threadsafe(self._attest(caller), self.loop).result(5)
        return [str(one) for one in found]

    async def _attest(self, caller: peer.Peer) -> list[object]:
        return list(await self.attestor.attest(caller))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    launcher, agent = handover.channel()
    log = io.StringIO()
    output = Output(log, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    attestor = LauncherAttestor(agent, Logger(output))
    path = str(tmp_path / "api.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    listener.settimeout(10)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(attestor.run()))
    thread.start()
    yield Bench(launcher, attestor, listener, path, log, loop)
    launcher.close()
    thread.join(5)
    loop.close()
    attestor.close()
    listener.close()


@contextmanager
def service() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVICE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_the_very_process_gets_its_selector_again_and_again(bench: Bench) -> None:
    with service() as web:
        bench.hand_over(web)
        assert bench.selectors(web) == ["launcher:service:web"]
        assert bench.selectors(web) == ["launcher:service:web"]


def test_two_services_of_one_program_are_told_apart(bench: Bench) -> None:
    with service() as web, service() as database:
        bench.hand_over(web, "web")
        bench.hand_over(database, "database")
        assert bench.selectors(web) == ["launcher:service:web"]
        assert bench.selectors(database) == ["launcher:service:database"]


def test_a_second_copy_started_by_hand_gets_nothing(bench: Bench) -> None:
    with service() as web, service() as copy:
        bench.hand_over(web)
        assert bench.selectors(copy) == []


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_a_child_of_the_service_gets_nothing(bench: Bench, how: str) -> None:
    with service() as web:
        bench.hand_over(web)
        assert bench.selectors(web, how) == []
        assert bench.selectors(web) == ["launcher:service:web"]


@pytest.mark.parametrize("how", ["exec-self", "exec-shell"])
def test_after_an_exec_nothing_is_given_even_to_the_same_program(bench: Bench, how: str) -> None:
    with service() as web:
        bench.hand_over(web)
        assert bench.selectors(web, how) == []


def test_a_service_that_execs_while_connected_is_refused(bench: Bench) -> None:
    with service() as web:
        bench.hand_over(web)
        caller, connection = bench.caller(web, "exec-connected")
        try:
            while os.readlink(f"/proc/{web.pid}/exe") == os.readlink("/proc/self/exe"):
                threading.Event().wait(0.001)
            try:
                found = bench.attest(caller)
            except FinialError:
                found = []
            assert found == []
        finally:
            caller.close()
            connection.close()


def test_a_process_that_ended_is_forgotten_and_its_number_means_nothing(bench: Bench) -> None:
    with service() as web:
        bench.hand_over(web)
        caller, connection = bench.caller(web, "self")
        web.kill()
        web.wait()
        assert bench.attest(caller) == []
        assert "itself no more" in bench.log.getvalue()
        caller.close()
        connection.close()


def test_a_hand_over_with_the_start_time_of_another_process_is_refused(bench: Bench) -> None:
    with service() as web:
        with pytest.raises(InvalidArgument, match="another process by now"):
            bench.hand_over(web, start_time=1)
        assert bench.selectors(web) == []


def test_a_malformed_record_is_refused_and_the_next_one_is_taken(bench: Bench) -> None:
    with service() as web:
        frames.send(bench.launcher, b"nonsense")
        assert b"error" in bench.launcher.recv(1000)
        bench.hand_over(web)
        assert bench.selectors(web) == ["launcher:service:web"]


def test_a_connected_socket_that_the_service_gives_away_still_speaks_as_the_service(bench: Bench) -> None:
    """What Linux cannot see: it tells who connected, not who writes. The service has to give it away."""
    with service() as web:
        bench.hand_over(web)
        caller, connection = bench.caller(web, "lend")
        assert connection.recv(5) == b"child"
        assert bench.attest(caller) == ["launcher:service:web"]
        caller.close()
        connection.close()


def lend_lifeline(bench: Bench, process: subprocess.Popen[str]) -> int:
    """Handed over with the reading end of a pipe; the writing end is the test's to close, as an exec does."""
    reading, writing = os.pipe()
    held = peer.pin_process(process.pid)
    handover.send(bench.launcher, Handover("web", held.pid, held.start_time, held.pidfd, reading))
    held.close()
    os.close(reading)
    return writing


def test_a_lifeline_that_hangs_up_takes_the_selector_along(bench: Bench) -> None:
    with service() as web:
        writing = lend_lifeline(bench, web)
        assert bench.selectors(web) == ["launcher:service:web"]
        os.close(writing)
        assert bench.selectors(web) == []
        assert "runs another program by now" in bench.log.getvalue()


def test_where_the_program_is_hidden_a_lifeline_must_come_along(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer.Peer, "sees_exec", property(lambda self: False))
    with service() as web:
        with pytest.raises(InvalidArgument, match="an exec of its own program would go unseen"):
            bench.hand_over(web)
        writing = lend_lifeline(bench, web)
        assert bench.selectors(web) == ["launcher:service:web"]
        os.close(writing)


def test_no_descriptor_is_left_of_services_that_ended(bench: Bench) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with service() as web:
        writing = lend_lifeline(bench, web)
        os.close(writing)
        assert bench.selectors(web) == []
    assert len(os.listdir("/proc/self/fd")) == before
