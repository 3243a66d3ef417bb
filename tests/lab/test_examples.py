"""The examples run as they are, in a lab, with an entry as their README makes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from finial.testing.lab import TIMEOUT, Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = Path(__file__).parents[2] / "examples"
ME = "spiffe://example.org/me"


@pytest.fixture(scope="module")
def environment(running: Lab) -> dict[str, str]:
    words = ("entry", "create", "-wait", "-parentID", "spiffe://example.org/lab/node", "-spiffeID", ME)
    rest = ("-selector", f"unix:uid:{os.geteuid()}", "-socketPath", str(running.place.server_socket))
    subprocess.run([sys.executable, "-m", "finial", *words, *rest], check=True, timeout=TIMEOUT)
    return {**os.environ, "SPIFFE_ENDPOINT_SOCKET": running.place.endpoint}


def run(environment: dict[str, str], name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT)


@contextmanager
def serving(environment: dict[str, str], *callers: str, program: str = "mtls_server.py") -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(EXAMPLES / program), str(port), *callers]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        while "Uvicorn running" not in (line := server.stderr.readline()):
            assert line, "the server ended"
        try:
            yield f"https://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.communicate()


def test_the_watcher_prints_certificates_at_each_update_and_no_key(environment: dict[str, str]) -> None:
    done = run(environment, "watcher.py", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{ME}  serial ")
    assert done.stdout.count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE" not in done.stdout


def test_a_client_and_a_server_know_each_other(environment: dict[str, str]) -> None:
    with serving(environment, ME) as url:
        assert run(environment, "mtls_client.py", url, ME).stdout == f"200 hello {ME}\n"


def test_a_server_with_another_id_gets_no_request(environment: dict[str, str]) -> None:
    with serving(environment, ME) as url:
        done = run(environment, "mtls_client.py", url, "spiffe://example.org/you")
        assert done.returncode != 0
        assert f'unexpected ID "{ME}"' in done.stderr


def test_a_caller_that_is_not_listed_gets_no_answer(environment: dict[str, str]) -> None:
    with serving(environment, "spiffe://example.org/you") as url:
        assert run(environment, "mtls_client.py", url, ME).returncode != 0


@pytest.mark.parametrize("program", ["fastapi_service.py", "django_service.py"])
def test_frameworks_know_the_caller_of_each_request(environment: dict[str, str], program: str) -> None:
    with serving(environment, ME, program=program) as url:
        done = run(environment, "mtls_client.py", f"{url}orders", ME)
        assert done.stdout.startswith("200 "), done.stderr
        assert f'"caller":"{ME}"' in done.stdout.replace(": ", ":")
