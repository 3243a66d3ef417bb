"""httpx over mTLS: a source and an authorizer in, a client that shows and checks SPIFFE IDs out.

    async with httpx.client(source, authorize.one_of("spiffe://example.org/payment-api")) as http:
        await http.get("https://127.0.0.1:18444/health")

A connection keeps the trust it was made under. So each change of the SVID or of a bundle begins a new
pool: requests under way finish on the old one, which is closed after the last.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx

from finial.client.authorize import Authorizer
from finial.client.tls import client_context
from finial.client.x509_source import X509Source
from finial.errors import InvalidArgument
from finial.runtime.tls import FollowingContext

# Options of httpx that choose another way to the server: they would go around the check, or be ignored.
DECIDED_HERE = frozenset({"cert", "http1", "http2", "mounts", "proxy", "transport", "trust_env", "verify"})


def client(
    source: X509Source, authorize: Authorizer, *, limits: httpx.Limits | None = None, **options: Any
) -> httpx.AsyncClient:
    """An httpx.AsyncClient with its `options`; environment proxies are not used.

    A peer that is refused is httpx.ConnectError with the reason, before a byte of the request has left. Only
    https is spoken: any other scheme is httpx.UnsupportedProtocol, also behind a redirect.
    Raises: InvalidArgument for an option that would go around that.
    """
    for name in sorted(DECIDED_HERE.intersection(options)):
        raise InvalidArgument(f'httpx client: option "{name}" is decided by the source and the authorizer')
    transport = FollowingTransport(client_context(source, authorize), limits)
    return httpx.AsyncClient(transport=transport, trust_env=False, **options)


class Pool:
    """Connections made under one moment's trust; closed when it is retired and nobody uses it."""

    def __init__(self, context: FollowingContext, limits: httpx.Limits) -> None:
        self.generation = context.generation
        self.transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        self.users = 0
        self.retired = False

    async def release(self) -> None:
        self.users -= 1
        await self._close_if_done()

    async def retire(self) -> None:
        self.retired = True
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self.retired and not self.users:
            await self.transport.aclose()


class FollowingTransport(httpx.AsyncBaseTransport):
    """One pool for each moment's trust."""

    def __init__(self, context: FollowingContext, limits: httpx.Limits | None = None) -> None:
        self._context = context
        self._limits = limits or httpx.Limits(max_connections=100, max_keepalive_connections=20)  # as httpx
        self._pool = Pool(context, self._limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme != "https":
            raise httpx.UnsupportedProtocol(f'"{request.url.scheme}": only https is checked', request=request)
        if self._pool.generation != self._context.generation:
            old, self._pool = self._pool, Pool(self._context, self._limits)
            await old.retire()
        pool = self._pool
        pool.users += 1
        try:
            response = await pool.transport.handle_async_request(request)
        except ssl.SSLError as why:  # a TLS 1.3 server refuses after the handshake; httpx lets that through
            await pool.release()
            raise httpx.ReadError(f"refused by the server: {why.reason or why}", request=request) from why
        except BaseException:
            await pool.release()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - an async transport's always is
        response.stream = Body(response.stream, pool)
        return response

    async def aclose(self) -> None:
        await self._pool.retire()


class Body(httpx.AsyncByteStream):
    """The answer's body; its pool is in use until it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, pool: Pool) -> None:
        self._stream, self._pool = stream, pool

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            await self._pool.release()
