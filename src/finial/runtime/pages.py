"""Pages that machines read over HTTP: as much of HTTP/1.1 as a probe or a scrape needs, within strict limits.

GET and HEAD, one request a connection, a head of at most 8 KiB within 10 s, 64 connections at once; TLS where a
context is given. What is answered is made by who opens it: health (`runtime.health`), metrics (`runtime.metrics`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD = 8 * 1024  # bytes
HEAD_TIMEOUT = 10.0  # seconds; SPIRE's ReadHeaderTimeout
MAX_CONNECTIONS = 64
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    extra: str = ""

    def encode(self, *, with_body: bool = True) -> bytes:
        head = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(self.body)}\r\n"
            f"X-Content-Type-Options: nosniff\r\nConnection: close\r\n{self.extra}\r\n"
        )
        return head.encode("ascii") + (self.body if with_body else b"")


class Pages:
    """Serves between `start` and `close`, on a socket of `sockets.listen_tcp`.

    `respond` is given the path of a GET or HEAD without its query; None: there is no such page.
    """

    def __init__(self, respond: Callable[[str], Response | None]) -> None:
        self._respond_to = respond
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> None:
        """The socket is ours from here on. `context`: with TLS."""
        self._server = await asyncio.start_server(
            self._serve,
            sock=sock,
            limit=MAX_HEAD,
            ssl=context,
            ssl_handshake_timeout=HEAD_TIMEOUT if context else None,
        )

    async def close(self) -> None:
        """Ends open connections too."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._serving):
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._serving) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._serving.add(task)
        try:
            answer = await self._answer(reader)
            if answer:
                writer.write(answer)
                async with asyncio.timeout(HEAD_TIMEOUT):
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # the prober left, or reads nothing
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        """Empty where nobody is left to answer."""
        try:
            async with asyncio.timeout(HEAD_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        except asyncio.LimitOverrunError:
            return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE).encode()
        request = parse(head)
        if request is None:
            return _plain(HTTPStatus.BAD_REQUEST).encode()
        method, path = request
        return self._respond(method, path).encode(with_body=method != "HEAD")

    def _respond(self, method: str, path: str) -> Response:
        page = self._respond_to(path)
        if page is None:
            return Response(HTTPStatus.NOT_FOUND, b"404 page not found\n")
        if method not in ("GET", "HEAD"):
            return Response(
                HTTPStatus.METHOD_NOT_ALLOWED, b"Method Not Allowed\n", extra="Allow: GET, HEAD\r\n"
            )
        return page


def parse(head: bytes) -> tuple[str, str] | None:
    """Method and path, without the query; None: not a request of HTTP/1."""
    with contextlib.suppress(UnicodeDecodeError):
        parts = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        if (
            len(parts) == 3
            and parts[0].isupper()
            and parts[1].startswith("/")
            and parts[2].startswith("HTTP/1.")
        ):
            return parts[0], parts[1].partition("?")[0]
    return None


def _plain(status: HTTPStatus) -> Response:
    return Response(status, f"{status.value} {status.phrase}".encode("ascii"))
