"""One file over HTTP: a URL in, its bytes out, or an error. For the first trust bundle, so nothing is taken on faith.

HTTPS with the public CAs of this machine and the host's name checked, or plain HTTP over a Unix socket of a service
on this machine. A redirect is an error: who can redirect would choose what the agent trusts. Whatever the server
does, at most MAX_SIZE bytes are read, within TIMEOUT seconds. Proxies of the environment are not used.

The standard library's `http.client` reads the answer once it is here whole; what is written here is a request of three
lines and a read with a bound. httpx, which the client library uses, would save the request, but leaves the bound and
the mapping of errors to its caller, and an agent would load it for one file at its first start.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
import ssl
from typing import cast
from urllib.parse import SplitResult, urlsplit

from finial.errors import DeadlineExceeded, FinialError, InvalidArgument, Unavailable
from finial.runtime.http2.outcome import reason_of

MAX_SIZE = 4 << 20
TIMEOUT = 30.0  # seconds
HTTPS_PORT = 443
OK = 200


async def download(
    url: str, unix_socket: str = "", *, context: ssl.SSLContext | None = None, timeout: float = TIMEOUT
) -> bytes:
    """`context` is for servers of a private CA; else the machine's CAs count.

    Raises: Unavailable, DeadlineExceeded; InvalidArgument for a URL or an answer that is of no use.
    """
    parts = _split(url)
    try:
        async with asyncio.timeout(timeout):
            received = await _exchange(parts, unix_socket, context)
    except TimeoutError as why:
        raise DeadlineExceeded(f"unable to fetch {url}: no whole answer in {timeout:g} s") from why
    except OSError as why:
        raise Unavailable(f"unable to fetch {url}: {reason_of(why)}") from why
    except FinialError as why:
        raise why.within(f"unable to fetch {url}") from why
    return body_of(url, received)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as why:
        raise InvalidArgument(f'unable to fetch "{url}": it is no URL') from why
    return parts


async def _exchange(parts: SplitResult, unix_socket: str, context: ssl.SSLContext | None) -> bytes:
    """The whole answer, headers too: the server is asked to close after it."""
    request = _request(parts)
    if unix_socket:
        reader, writer = await asyncio.open_unix_connection(unix_socket)
    elif parts.scheme == "https" and parts.hostname:
        context = context or await asyncio.to_thread(ssl.create_default_context)
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or HTTPS_PORT, ssl=context, server_hostname=parts.hostname
        )
    else:
        raise InvalidArgument("only https is fetched from the network")
    try:
        writer.write(request)
        return await _read(reader)
    finally:
        writer.transport.abort()


def _request(parts: SplitResult) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    text = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nConnection: close\r\n\r\n"
    if not text.isascii() or len(text.splitlines()) != len(("request", "host", "connection", "end")):
        raise InvalidArgument("url holds characters that must be escaped")
    return text.encode()


async def _read(reader: asyncio.StreamReader) -> bytes:
    received = bytearray()
    while part := await reader.read(1 << 16):
        received += part
        if len(received) > MAX_SIZE:
            raise InvalidArgument(f"answer has more than {MAX_SIZE} bytes")
    return bytes(received)


class _Received:
    """What `http.client` takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def body_of(url: str, received: bytes) -> bytes:
    """Of a whole answer to GET. Raises: Unavailable, also for any status but 200."""
    response = http.client.HTTPResponse(cast(socket.socket, _Received(received)), method="GET")
    try:
        response.begin()
        if response.status != OK:
            raise Unavailable(f"error downloading {url}: {response.status} {response.reason}".rstrip())
        return response.read()
    except (http.client.HTTPException, ValueError, OverflowError) as why:
        raise Unavailable(f"unable to read from {url}: the answer is malformed or was cut off") from why
