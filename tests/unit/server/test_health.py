from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

from finial.runtime.clock import SystemClock
from finial.runtime.health import Checks
from finial.runtime.log import Logger, Output
from finial.runtime.sockets import listen_tcp
from finial.server.health import add_checks
from finial.server.program import Server
from finial.testing.server import Running, play


def checks_of(server: Server) -> Checks:
    checks = Checks(SystemClock(), Logger(Output(io.StringIO(), now=SystemClock().now)))
    add_checks(checks, server.backend)
    return checks


def test_a_server_that_signs_and_reads_is_well(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        checks = checks_of(running.server)
        await checks.refresh()
        well, details = checks.ready()
        assert well
        assert details == {"server": {}, "server.ca": {}, "catalog.datastore": {}}

    play(tmp_path, scene)


def test_a_server_without_its_database_is_not(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        checks = checks_of(running.server)
        await running.server.store.close()
        await checks.refresh()
        well, _ = checks.live()
        assert not well

    play(tmp_path, scene)


def test_the_listener_answers_probes(tmp_path: Path) -> None:
    sock = listen_tcp("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()

    async def scene(running: Running) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert set(json.loads(answer.split(b"\r\n\r\n", 1)[1])) == {
            "server",
            "server.ca",
            "catalog.datastore",
        }

    health = f'}}\nhealth_checks {{ listener_enabled = true bind_address = "127.0.0.1" bind_port = "{port}"'
    play(tmp_path, scene, health)
