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


def test_the_listener_answers_probes_at_the_paths_configured(tmp_path: Path) -> None:
    sock = listen_tcp("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()

    async def answer(path: str) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return head.split(b" ", 2)[1], body

    async def scene(running: Running) -> None:
        parts = {"server", "server.ca", "catalog.datastore"}
        for path in ("/l", "/r"):
            assert set(json.loads((await answer(path))[1])) == parts
        assert [(await answer(path))[0] for path in ("/live", "/ready")] == [b"404", b"404"]

    where = f'bind_address = "127.0.0.1" bind_port = "{port}" live_path = "/l" ready_path = "/r"'
    play(tmp_path, scene, f"}}\nhealth_checks {{ listener_enabled = true {where}")
