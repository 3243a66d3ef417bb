"""Pages that machines read: what is served, what is no request, and the limits."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finial.runtime import pages as pages_module
from finial.runtime.pages import MAX_CONNECTIONS, MAX_HEAD, Pages, Response, parse
from finial.runtime.sockets import listen_tcp
from finial.testing.ca import TestCa

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served:
    def __init__(self, port: int, pages: Pages) -> None:
        self.port, self.pages = port, pages

    async def send(self, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
        try:
            writer.write(data)
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()

    async def get(self, path: bytes, context: ssl.SSLContext | None = None) -> tuple[int, str, str]:
        head, _, body = (await self.send(GET % path, context)).decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = dict(line.split(": ") for line in lines[1:])
        assert int(headers["Content-Length"]) == len(body)
        return int(lines[0].split()[1]), headers["Content-Type"], body


def respond(path: str) -> Response | None:
    return Response(HTTPStatus.OK, b"well\n") if path == "/live" else None


def run(scenario: Callable[[Served], Awaitable[None]], context: ssl.SSLContext | None = None) -> None:
    async def body() -> None:
        sock = listen_tcp("127.0.0.1", 0)
        pages = Pages(respond)
        await pages.start(sock, context)
        try:
            await asyncio.wait_for(scenario(Served(sock.getsockname()[1], pages)), 10)
        finally:
            await pages.close()

    asyncio.run(body())


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
    monkeypatch.setattr(pages_module, "HEAD_TIMEOUT", 0.02)

    async def scenario(served: Served) -> None:
        assert await served.send(b"GET /live HTT") == b""

    run(scenario)


def test_connections_at_once_are_bounded_and_probes_get_through_again() -> None:
    async def scenario(served: Served) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(MAX_CONNECTIONS)]
        while len(served.pages._serving) < MAX_CONNECTIONS:  # noqa: ASYNC110 - the kernel is waited for
            await asyncio.sleep(0)
        assert await served.send(GET % b"/live") == b""
        for _, writer in silent:
            writer.transport.abort()
        while served.pages._serving:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert (await served.get(b"/live"))[0] == 200

    run(scenario)


def test_close_ends_open_connections() -> None:
    async def scenario(served: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        while not served.pages._serving:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await served.pages.close()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.transport.abort()
        assert not served.pages._serving

    run(scenario)


@given(st.binary(max_size=200))
def test_any_head_gets_an_answer(head: bytes) -> None:
    found = parse(head)
    assert found is None or found[1].startswith("/")


def test_pages_are_served_over_tls(tmp_path: Path) -> None:
    ca = TestCa()
    certificate, key = ca.leaf(dns=["localhost"]).write(tmp_path, "pages")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    asking = ssl.create_default_context(cafile=str(ca.write(tmp_path / "ca.pem")))

    async def scenario(served: Served) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=asking, server_hostname="localhost"
        )
        writer.write(GET % b"/live")
        assert (await reader.read()).endswith(b"\r\n\r\nwell\n")
        writer.transport.abort()

    run(scenario, serving)
