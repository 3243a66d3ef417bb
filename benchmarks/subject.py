"""The programs that are measured: Finial of this checkout, or a stock SPIRE in some folder.

    with Site(FINIAL) as site:
        site.start_server(); site.start_agent()
        site.load("sign", size=500)

A site is a folder with its own server, agent, database and sockets; loopback only. Both kinds of program get
the same configuration files. Times are of a monotonic clock, in milliseconds; memory in MiB.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GO = Path(__file__).parent / "go"
CACHE = Path(__file__).parents[1] / ".cache" / "benchmarks"
PATIENCE = 120.0  # seconds until what does not come up is a failure
POLL = 0.001
TICKS = os.sysconf("SC_CLK_TCK")

SERVER = """
server {{
    trust_domain = "example.org"
    bind_address = "127.0.0.1"
    bind_port = {port}
    socket_path = "{folder}/server.sock"
    data_dir = "{folder}/server"
    log_level = "{level}"
    audit_log_enabled = true
    ratelimit {{
        attestation = false
        signing = false
    }}
}}
plugins {{
    DataStore "sql" {{
        plugin_data {{
            database_type = "{kind}"
            connection_string = "{database}"
        }}
    }}
    KeyManager "disk" {{ plugin_data {{ keys_path = "{folder}/server/keys.json" }} }}
    NodeAttestor "join_token" {{ plugin_data {{}} }}
}}
telemetry {{ {telemetry} }}
"""
AGENT = """
agent {{
    trust_domain = "example.org"
    server_address = "127.0.0.1"
    server_port = {port}
    socket_path = "{folder}/agent.sock"
    data_dir = "{folder}/agent"
    insecure_bootstrap = true
    log_level = "{level}"
}}
plugins {{
    KeyManager "memory" {{ plugin_data {{}} }}
    NodeAttestor "join_token" {{ plugin_data {{}} }}
    WorkloadAttestor "unix" {{ plugin_data {{}} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """How the server and the agent are called."""

    name: str
    server: tuple[str, ...]
    agent: tuple[str, ...]

    @property
    def finial(self) -> bool:
        return self.name == "finial"


FINIAL = Programs(
    "finial", (sys.executable, "-m", "finial", "server"), (sys.executable, "-m", "finial", "agent")
)


def stock(folder: Path) -> Programs:
    return Programs("stock", (str(folder / "spire-server"),), (str(folder / "spire-agent"),))


@dataclass
class Site:
    """Ends all of its processes when the block ends. `quick`: short runs, that show only that they work."""

    programs: Programs
    quick: bool = False
    level: str = "INFO"
    postgres: str = ""  # a connection string; empty for SQLite
    telemetry: str = ""  # options of the server's section
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bench-")))
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        (self.folder / "server").mkdir(mode=0o700)
        (self.folder / "agent").mkdir(mode=0o700)
        values: dict[str, object] = {"port": self.port, "folder": self.folder, "level": self.level}
        values["telemetry"] = self.telemetry
        values["kind"] = "postgres" if self.postgres else "sqlite3"
        values["database"] = self.postgres or self.folder / "server" / "data.sqlite3"
        (self.folder / "server.conf").write_text(SERVER.format(**values))
        (self.folder / "agent.conf").write_text(AGENT.format(**values))

    @property
    def server_socket(self) -> Path:
        return self.folder / "server.sock"

    @property
    def agent_socket(self) -> Path:
        return self.folder / "agent.sock"

    def start_server(self) -> float:
        """Returns: how long until it answered a call on its admin socket."""
        command = (*self.programs.server, "run", "-config", str(self.folder / "server.conf"))
        return self._start("server", command, lambda: answers(self.server_socket))

    def start_agent(self) -> float:
        """With a new join token. Returns: how long until its socket was there."""
        token = self.load("token")["token"]
        command = (*self.programs.agent, "run", "-config", str(self.folder / "agent.conf"))
        return self._start("agent", (*command, "-joinToken", token), lambda: answers(self.agent_socket))

    def start(self) -> None:
        self.start_server()
        self.start_agent()

    def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def pid(self, name: str) -> int:
        return self.processes[name].pid

    def load(self, scenario: str, **options: object) -> dict[str, Any]:
        """What the Go client printed."""
        done = subprocess.run(self._command(scenario, options), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{scenario} against {self.programs.name}: {done.stderr[-2000:]}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def watchers(self, count: int) -> Watchers:
        command = self._command("watchers", {"count": count})
        return Watchers(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))

    def _command(self, scenario: str, options: dict[str, object]) -> list[str]:
        command = [str(client()), scenario, "-admin", str(self.server_socket)]
        command += ["-server", f"127.0.0.1:{self.port}", "-workload", str(self.agent_socket)]
        for name, process in self.processes.items():
            command += ["-pid", f"{name}={process.pid}"]
        if self.quick:
            options = {"runs": 1, "seconds": 0.3} | options
        return command + [text for name, value in options.items() for text in (f"-{name}", str(value))]

    def _start(self, name: str, command: Sequence[str], ready: Callable[[], bool]) -> float:
        with (self.folder / f"{name}.log").open("ab") as log:
            began = time.monotonic()
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.processes[name] = process
        while not ready():
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                text = (self.folder / f"{name}.log").read_text()[-2000:]
                raise RuntimeError(f"{self.programs.name}: {name} did not come up: {text}")
            time.sleep(POLL)
        return (time.monotonic() - began) * 1000

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("agent", "server"):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)


class Watchers:
    """Simulated agents in a process of their own; `stop` tells what each of them cost the server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the watching agents did not come up")

    def stop(self) -> dict[str, Any]:
        out, _ = self._process.communicate(b"")
        result: dict[str, Any] = json.loads(out)
        return result


def client() -> Path:
    """The load client, built if a source is newer."""
    CACHE.mkdir(parents=True, exist_ok=True)
    made = CACHE / "load"
    newest = max(path.stat().st_mtime for path in GO.iterdir())
    if not made.exists() or made.stat().st_mtime < newest:
        unfinished = made.with_suffix(f".{os.getpid()}")  # two runs may build at once
        subprocess.run(["go", "build", "-trimpath", "-o", str(unfinished), "."], cwd=GO, check=True)
        os.utime(unfinished)
        unfinished.replace(made)
    return made


def answers(path: Path) -> bool:
    """Whether somebody accepts connections there: both servers listen once everything else is up."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """User and system time since the start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
