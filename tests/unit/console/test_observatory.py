"""Sources together: what moves, and what goes into the trends."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path

from finial.console.observatory import Observatory, calls_of
from finial.console.samples import Samples, parse
from finial.console.sources.metrics import Target
from finial.runtime.clock import SystemClock
from finial.runtime.pages import Pages, Response
from finial.runtime.sockets import listen_tcp
from finial.runtime.tasks import Tasks
from finial.testing.server import Running, play
from finial.wire.client import ServerApi


def test_a_server_and_its_metrics_are_watched_together(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        pages = Pages(lambda _: Response(HTTPStatus.OK, b"spire_server_rpc_a 5\n"))
        sock = listen_tcp("127.0.0.1", 0)
        await pages.start(sock)
        path = str(running.server.socket_path)
        target = Target("server", "spire-server", f"http://127.0.0.1:{sock.getsockname()[1]}/")
        seen = Observatory(lambda: ServerApi.at(path), [target], SystemClock())
        async with Tasks() as tasks:
            tasks.start(seen.run(), name="observatory")
            async with asyncio.timeout(15):
                version = 0
                while not (seen.server.own and seen.targets[0].up):
                    version = await seen.moved(version)
        seen.note(1_800_000_000)
        assert seen.trends.points("metrics.up", 1_800_000_000, 1_800_000_000) == [(1_800_000_000, 1.0)]
        assert seen.trends.points("entries", 1_800_000_000, 1_800_000_000) == [(1_800_000_000, 0.0)]
        assert "server.calls" not in list(seen.trends)
        await pages.close()

    play(tmp_path, scene)


def test_calls_are_summed_over_methods_and_unknown_without_any() -> None:
    first, second = (
        "spire_server_rpc_a 0\nspire_server_rpc_b 0\n",
        "spire_server_rpc_a 20\nspire_server_rpc_b 10\n",
    )
    samples = Samples().next(parse(first), 100).next(parse(second), 110)
    assert calls_of(samples, "spire_server") == 3
    assert calls_of(samples, "spire_agent") is None
