"""A lab of real processes, started by the command as a user types it, without root's rights."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from finial.lab import process, state
from finial.lab.place import Place
from finial.lab.ports import HOST, defaults
from finial.lab.state import Started, State
from finial.lab.topology import LAB
from finial.testing import unprivileged

TIMEOUT = 120.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Raises: AssertionError if it does not come true in time."""
    give_up = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < give_up, f"{what} did not happen"
        time.sleep(0.2)


@dataclass(frozen=True)
class Lab:
    """`prefix`: what `finial` is run by."""

    place: Place
    prefix: tuple[str, ...] = unprivileged.COMMAND

    def run(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """`finial WORDS -dir ...`; its exit code is asserted unless None."""
        command = [*self.prefix, sys.executable, "-m", "finial", *words]
        done = subprocess.run(
            [*command, "-dir", str(self.place.folder)], capture_output=True, text=True, timeout=TIMEOUT
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr + self.logs()
        return done

    def status(self) -> dict[str, dict[str, Any]]:
        """By process."""
        found = json.loads(self.run("status", "-output", "json", code=None).stdout)
        return {one["name"]: one for one in found["processes"]}

    def state(self) -> State:
        found = state.read(self.place.state_file)
        assert found is not None
        return found

    def processes(self) -> list[Started]:
        found = self.state()
        return [*found.processes.values(), *([found.launcher] if found.launcher else [])]

    def logs(self) -> str:
        return "".join(
            f"\n--- {one.name}\n{one.read_text()}" for one in sorted(self.place.logs.glob("*.log"))
        )

    def reserve_ports(self, postgres: str = "") -> None:
        """Ports of its own, since several labs may start at once."""
        with ExitStack() as probes:
            ports = {}
            for name in (*defaults(LAB.names), "console"):
                probe = probes.enter_context(socket.socket())
                probe.bind((HOST, 0))
                ports[name] = probe.getsockname()[1]
        self.place.make()
        state.write(self.place.state_file, State(ports, postgres=postgres))

    def kill(self, started: Started) -> None:
        """SIGKILL to a process that this lab started, and its end."""
        found = process.find(started)
        assert found is not None
        found.signal(signal.SIGKILL)
        found.close()
        wait_for(lambda: not process.alive(started), f"the end of pid {started.pid}")
