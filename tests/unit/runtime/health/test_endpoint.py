"""`/live` and `/ready` as probes see them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable

from finial.runtime.clock import SystemClock
from finial.runtime.health import Checks, Endpoint, State
from finial.runtime.log import Logger, Output
from finial.runtime.sockets import listen_tcp

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
WELL = State(True, True, {}, {})
UNREADY = State(True, False, {}, {"make_new_x509_err": "workload api is unavailable"})


class Served:
    def __init__(self, port: int) -> None:
        self.port = port

    async def send(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()

    async def get(self, path: bytes) -> tuple[int, str, str]:
        head, _, body = (await self.send(GET % path)).decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = dict(line.split(": ") for line in lines[1:])
        assert int(headers["Content-Length"]) == len(body)
        return int(lines[0].split()[1]), headers["Content-Type"], body


def run(
    scenario: Callable[[Served], Awaitable[None]], *, names: tuple[str, ...] = ("agent",), state: State = WELL
) -> None:
    async def check() -> State:
        return state

    async def body() -> None:
        clock = SystemClock()
        checks = Checks(clock, Logger(Output(io.StringIO(), now=clock.now)))
        for name in names:
            checks.add(name, check)
        await checks.refresh()
        sock = listen_tcp("127.0.0.1", 0)
        endpoint = Endpoint(checks)
        await endpoint.start(sock)
        try:
            await asyncio.wait_for(scenario(Served(sock.getsockname()[1])), 10)
        finally:
            await endpoint.close()

    asyncio.run(body())


def test_bodies_are_those_of_a_stock_server() -> None:
    expected = '{"catalog.datastore":{},"server":{},"server.ca":{},"server.ca.rotator":{}}\n'

    async def scenario(served: Served) -> None:
        for path in (b"/live", b"/ready", b"/ready?verbose=1"):
            assert await served.get(path) == (200, "application/json", expected)

    run(scenario, names=("server", "server.ca.rotator", "server.ca", "catalog.datastore"))


def test_bodies_are_those_of_a_stock_agent_that_is_not_ready() -> None:
    async def scenario(served: Served) -> None:
        assert await served.get(b"/live") == (200, "application/json", '{"agent":{}}\n')
        assert await served.get(b"/ready") == (
            500,
            "application/json",
            '{"agent":{"make_new_x509_err":"workload api is unavailable"}}\n',
        )

    run(scenario, state=UNREADY)
