"""A real Prometheus on a free port of loopback, ended with its test."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

TIMEOUT = 60.0
DebianProgram = Callable[[str, str], Path]
Started = Callable[[Path], "Prometheus"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(log: Path, *command: str | Path) -> Iterator[None]:
    """A process, until the block ends."""
    with log.open("w") as out:
        process = subprocess.Popen([str(one) for one in command], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True, slots=True)
class Prometheus:
    url: str
    log: Path

    def get(self, path: str, **parameters: str) -> Any:
        """What an API answers. Raises: AssertionError for an error, with its text."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, trust_env=False, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, text: str) -> list[Any]:
        found: list[Any] = self.get("query", query=text)["result"]
        return found

    def ready(self) -> bool:
        return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == 200

    def until(self, condition: Callable[[], bool], what: str) -> None:
        give_up = time.monotonic() + TIMEOUT
        while not self._holds(condition):
            assert time.monotonic() < give_up, f"{what} did not happen\n{self.log.read_text()}"
            time.sleep(0.2)

    def _holds(self, condition: Callable[[], bool]) -> bool:
        try:
            return condition()
        except httpx.TransportError:  # it is not up yet
            return False


@pytest.fixture(scope="module")
def prometheus(debian_program: DebianProgram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """`prometheus(path)`: one with that configuration."""
    program = debian_program("prometheus", "prometheus")
    with ExitStack() as all_:

        def start(config: Path) -> Prometheus:
            folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
            made = Prometheus(f"http://127.0.0.1:{port}", folder / "log")
            options = (f"--config.file={config}", f"--storage.tsdb.path={folder}/data")
            listen = f"--web.listen-address=127.0.0.1:{port}"
            all_.enter_context(running(made.log, program, *options, listen))
            made.until(made.ready, "the start of Prometheus")
            return made

        yield start
