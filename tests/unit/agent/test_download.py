"""One file over HTTP, with nothing taken on faith."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from finial.agent import download as module
from finial.agent.download import download
from finial.errors import DeadlineExceeded, InvalidArgument, Unavailable
from finial.testing.ca import TestCa

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@asynccontextmanager
async def service(path: Path, answer: bytes, *, silent: bool = False) -> AsyncIterator[list[bytes]]:
    """Answers each request with these bytes and closes."""
    asked: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if silent:
            await ended.wait()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield asked
    finally:
        ended.set()
        server.close()
        await server.wait_closed()


def fetched(path: Path, answer: bytes, *, silent: bool = False, timeout: float = 5.0) -> tuple[bytes, bytes]:
    async def scenario() -> tuple[bytes, bytes]:
        async with service(path, answer, silent=silent) as asked:
            body = await download("http://host.test/a?b=c", str(path), timeout=timeout)
            return body, asked[0]

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
    ids=["length", "to the end", "chunked"],
)
def test_the_body_of_an_answer_is_read(tmp_path: Path, answer: bytes) -> None:
    body, asked = fetched(tmp_path / "s", answer)
    assert body == b"hello"
    assert asked.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: host.test\r\n")


@pytest.mark.parametrize(
    "status", [b"301 Moved", b"302 Found", b"307 Temporary", b"404 Not Found", b"500 No"]
)
def test_a_redirect_is_an_error_as_is_any_other_status(tmp_path: Path, status: bytes) -> None:
    with pytest.raises(Unavailable, match=f"error downloading .*: {status.decode()}"):
        fetched(
            tmp_path / "s",
            b"HTTP/1.1 " + status + b"\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n",
        )


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"],
    ids=["nothing", "no http", "cut off"],
)
def test_an_answer_that_is_malformed_or_cut_off_is_an_error(tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(Unavailable, match="malformed or was cut off"):
        fetched(tmp_path / "s", answer)


def test_an_answer_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeadlineExceeded, match=r"no whole answer in 0.05 s"):
        fetched(tmp_path / "s", OK, silent=True, timeout=0.05)
    monkeypatch.setattr(module, "MAX_SIZE", 10)
    with pytest.raises(InvalidArgument, match="more than 10 bytes"):
        fetched(tmp_path / "t", OK)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/", "only https is fetched from the network"),
        ("https:///x", "only https is fetched from the network"),
    ],
)
def test_the_network_is_asked_by_https_only(url: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        asyncio.run(download(url))


@pytest.mark.parametrize("url", ["https://[::1", "https://host.test:port/", "https://host.test:99999/"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="it is no URL"):
        asyncio.run(download(url))


def test_a_url_cannot_smuggle_a_header(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="must be escaped"):
        asyncio.run(download("http://host.test/a\x0bX-Evil: 1", str(tmp_path / "s")))


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to fetch http://host.test/: no such file or directory"):
        asyncio.run(download("http://host.test/", str(tmp_path / "absent")))


def test_a_server_of_an_unknown_ca_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        ca = TestCa()
        certificate, key = ca.leaf("/web", dns=("localhost",)).write(tmp_path, "web")
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate, key)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            writer.close()

        server = await asyncio.start_server(serve, "localhost", 0, ssl=served)
        async with server:
            url = f"https://localhost:{server.sockets[0].getsockname()[1]}/bundle"
            with pytest.raises(Unavailable, match="certificate verify failed"):
                await download(url)
            trusted = ssl.create_default_context(cadata=ca.der)
            assert await download(url, context=trusted) == b"hello"

    asyncio.run(scenario())
