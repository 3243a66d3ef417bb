"""Endpoints that answer, that do not, and that answer nonsense."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import httpx
import pytest

from finial.console.sources.metrics import EVERY, MAX_BYTES, MetricsSource, Target, fetched
from finial.errors import Unavailable
from finial.runtime.pages import Pages, Response
from finial.runtime.sockets import listen_tcp
from finial.runtime.tasks import Tasks
from finial.testing.clock import VirtualClock


def answering(status: int, body: bytes = b"") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(status, content=body)))


def test_a_target_is_read_again_and_again_and_its_rates_follow() -> None:
    async def scenario() -> None:
        calls, clock, moved = iter((10, 30, 30)), VirtualClock(), asyncio.Event()
        pages = Pages(lambda _: Response(HTTPStatus.OK, f"calls {next(calls)}\n".encode()))
        sock = listen_tcp("127.0.0.1", 0)
        target = Target("server-a", "spire-server", f"http://127.0.0.1:{sock.getsockname()[1]}/metrics")
        await pages.start(sock)
        source = MetricsSource([target], clock, moved.set)
        async with Tasks() as tasks:
            tasks.start(source.run(), name="metrics")
            await asyncio.wait_for(moved.wait(), 10)
            assert source.readings[0].up
            moved.clear()
            await clock.advance(EVERY)
            await asyncio.wait_for(moved.wait(), 10)
            assert source.readings[0].samples.rate("calls") == 2
        await pages.close()

    asyncio.run(scenario())


def test_a_target_that_is_down_says_why_and_keeps_what_it_showed() -> None:
    async def scenario() -> None:
        answers = iter((httpx.Response(200, content=b"calls 1\n"), httpx.Response(503)))
        clock, moved = VirtualClock(), asyncio.Event()
        client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: next(answers)))
        source = MetricsSource(
            [Target("a", "spire-agent", "http://a.test/")], clock, moved.set, lambda: client
        )
        async with Tasks() as tasks:
            tasks.start(source.run(), name="metrics")
            await asyncio.wait_for(moved.wait(), 10)
            moved.clear()
            await clock.advance(EVERY)
            await asyncio.wait_for(moved.wait(), 10)
        [reading] = source.readings
        assert not reading.up
        assert reading.trouble == "http://a.test/: answered 503"
        assert reading.samples.total("calls") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (answering(302), "answered 302"),
        (answering(200, b"x" * (MAX_BYTES + 1)), "more than"),
        (httpx.AsyncClient(trust_env=False), "http://127.0.0.1:1/"),
    ],
)
def test_what_is_no_answer_is_unavailable(client: httpx.AsyncClient, told: str) -> None:
    async def scenario() -> None:
        async with client:
            with pytest.raises(Unavailable, match=told):
                await fetched(client, "http://127.0.0.1:1/")

    asyncio.run(scenario())
