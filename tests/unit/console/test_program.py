"""A console as a program: an address, a way in, an end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx

from finial.console import links, program
from finial.console.access import Role
from finial.console.options import Options
from finial.testing.server import Running, play


def test_it_serves_on_a_free_port_lets_its_user_in_and_ends(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            wanted = taken.getsockname()[1]
            options = Options(
                str(running.server.socket_path), port=wanted, link_socket=str(tmp_path / "l" / "link.sock")
            )
            stopped, started = asyncio.Event(), asyncio.Queue[program.Console]()
            served: list[int] = []

            async def use() -> str:
                console = await started.get()
                assert console.port > wanted
                served.append(console.port)
                link = await links.ask(options.link_socket, Role.VIEWER)
                async with httpx.AsyncClient(follow_redirects=False) as client:
                    answer = await client.get(link)
                    assert answer.status_code == 303
                    assert "httponly" in answer.headers["set-cookie"].lower()
                    assert "samesite=strict" in answer.headers["set-cookie"].lower()
                    assert (await client.get(link)).status_code == 401
                    session = (await client.get(f"{console.address}/api/session")).json()
                    async with client.stream("GET", f"{console.address}/api/events") as events:
                        await anext(events.aiter_lines())  # a page that stays does not keep it from its end
                        stopped.set()
                return str(session["role"])

            async with asyncio.timeout(20):
                _, role = await asyncio.gather(program.serve(options, started.put_nowait, stopped), use())
            assert role == "viewer"
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", served.pop())) != 0

    play(tmp_path, scene)
