from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from finial.errors import FailedPrecondition
from finial.runtime.sockets import listen_tcp
from finial.testing.server import Running, play, server


def test_the_admin_socket_is_for_its_user_and_group(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        assert stat.S_IMODE(running.server.socket_path.stat().st_mode) == 0o770

    play(tmp_path, scene)
    assert not (tmp_path / "api.sock").exists()


def test_a_port_that_is_taken_leaves_no_socket_behind(tmp_path: Path) -> None:
    taken = listen_tcp("127.0.0.1", 0)
    port = taken.getsockname()[1]

    async def start() -> None:
        async with server(tmp_path, port=port):
            pass

    with taken, pytest.raises(FailedPrecondition, match="address already in use"):
        asyncio.run(start())
    assert not (tmp_path / "api.sock").exists()


def test_start_and_stop_are_told_as_scripts_expect(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with server(tmp_path) as running:
            pass
        return running.lines

    lines = asyncio.run(run())
    assert sum("Starting Server APIs" in line for line in lines) == 2
    for phrase in ("network=tcp", "network=unix"):
        assert any("Starting Server APIs" in line and phrase in line for line in lines)
    for phrase in ("Stopping Server APIs", "Graceful stop successful", "Server APIs have stopped"):
        assert sum(phrase in line for line in lines) == 2
