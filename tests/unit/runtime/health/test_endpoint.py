"""`/live` and `/ready` as probes see them, and requests that are none."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finial.runtime.clock import SystemClock
from finial.runtime.health import Checks, Endpoint, State
from finial.runtime.health import endpoint as endpoint_module
from finial.runtime.health.endpoint import MAX_CONNECTIONS, MAX_HEAD, parse
from finial.runtime.log import Logger, Output
from finial.runtime.sockets import listen_tcp

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
WELL = State(True, True, {}, {})
UNREADY = State(True, False, {}, {"make_new_x509_err": "workload api is unavailable"})


class Served:
    def __init__(self, port: int, endpoint: Endpoint) -> None:
        self.port, self.endpoint = port, endpoint

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
            await asyncio.wait_for(scenario(Served(sock.getsockname()[1], endpoint)), 10)
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


@pytest.mark.parametrize("path", [b"/", b"/nope", b"/live/", b"//live"])
def test_other_paths_are_not_found(path: bytes) -> None:
    async def scenario(served: Served) -> None:
        assert await served.get(path) == (404, "text/plain; charset=utf-8", "404 page not found\n")

    run(scenario)


def test_head_gets_no_body_and_other_methods_nothing() -> None:
    async def scenario(served: Served) -> None:
        head = await served.send(b"HEAD /live HTTP/1.1\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert head.endswith(b"\r\n\r\n")
        post = await served.send(b"POST /live HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert post.startswith(b"HTTP/1.1 405 ")
        assert b"Allow: GET, HEAD" in post

    run(scenario)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /live\r\n\r\n", b"400"),
        (b"GET http://elsewhere/live HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /live HTTP/2.0\r\n\r\n", b"400"),
        (b"GET /l\xffve HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /live HTTP/1.1\r\nX: " + b"x" * 2 * MAX_HEAD + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_told_so(data: bytes, status: bytes) -> None:
    async def scenario(served: Served) -> None:
        assert (await served.send(data)).startswith(b"HTTP/1.1 " + status)

    run(scenario)


def test_silent_client_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "HEAD_TIMEOUT", 0.02)

    async def scenario(served: Served) -> None:
        assert await served.send(b"GET /live HTT") == b""

    run(scenario)


def test_connections_at_once_are_bounded_and_probes_get_through_again() -> None:
    async def scenario(served: Served) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(MAX_CONNECTIONS)]
        while len(served.endpoint._serving) < MAX_CONNECTIONS:  # noqa: ASYNC110 - the kernel is waited for
            await asyncio.sleep(0)
        assert await served.send(GET % b"/live") == b""
        for _, writer in silent:
            writer.transport.abort()
        while served.endpoint._serving:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert (await served.get(b"/live"))[0] == 200

    run(scenario)


def test_close_ends_open_connections() -> None:
    async def scenario(served: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        while not served.endpoint._serving:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await served.endpoint.close()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.transport.abort()
        assert not served.endpoint._serving

    run(scenario)


@given(st.binary(max_size=200))
def test_any_head_gets_an_answer(head: bytes) -> None:
    found = parse(head)
    assert found is None or found[1].startswith("/")
