"""aiohttp over mTLS: a source and an authorizer in, a connector that shows and checks SPIFFE IDs out.

    connector = aiohttp.connector(source, authorize.one_of("spiffe://example.org/payment-api"))
    async with aiohttp.ClientSession(connector=connector) as http:
        await http.get("https://127.0.0.1:18444/health")

Needs the extra `finial[aiohttp]`. A connection keeps the trust it was made under. So each change of the SVID
or of a bundle begins a new pool: requests under way finish on the old one, which is closed after the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_exceptions import ClientConnectionError
from aiohttp.connector import BaseConnector, Connection, TCPConnector

from finial.client.authorize import Authorizer
from finial.client.tls import client_context
from finial.client.x509_source import X509Source
from finial.runtime.tasks import Tasks
from finial.runtime.tls import FollowingContext

if TYPE_CHECKING:
    from aiohttp import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.tracing import Trace


def connector(source: X509Source, authorize: Authorizer, **options: Any) -> BaseConnector:
    """For aiohttp.ClientSession, with `options` of aiohttp.TCPConnector; made inside a running loop.

    A peer that is refused is aiohttp.ClientConnectorError with the reason, before a byte of the request has
    left. Only https is spoken: `ssl=` of a request, proxies and plain http would go around the check, and are
    ClientConnectionError.
    """
    return FollowingConnector(client_context(source, authorize), options)


class Pool:
    """Connections made under one moment's trust; closed when it is retired and nobody uses it."""

    def __init__(self, context: FollowingContext, options: dict[str, Any], tasks: Tasks) -> None:
        self.generation = context.generation
        self.connector = TCPConnector(ssl=context, **options)
        self.users = 0
        self.retired = False
        self._tasks = tasks

    async def connect(
        self, request: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        self.users += 1
        try:
            connection = await self.connector.connect(request, traces, timeout)
        except BaseException:
            self._release()
            raise
        connection.add_callback(self._release)
        return connection

    def retire(self) -> None:
        self.retired = True
        self._close_if_done()

    def _release(self) -> None:
        self.users -= 1
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self.retired and not self.users and not self.connector.closed:
            self._tasks.start(self._close(), name="close aiohttp pool")

    async def _close(self) -> None:
        await self.connector.close()


class FollowingConnector(BaseConnector):
    """One pool for each moment's trust."""

    def __init__(self, context: FollowingContext, options: dict[str, Any]) -> None:
        super().__init__()
        self._context, self._options = context, options
        self._tasks = Tasks(lambda _name, _error: None)  # a pool that will not close harms nobody
        self._pool = Pool(context, options, self._tasks)
        context.on_change(self._renew)

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        if not req.is_ssl() or req.ssl is not True or req.proxy:
            raise ClientConnectionError(
                f'"{req.url.origin()}": only https without a proxy or ssl= is checked'
            )
        return await self._pool.connect(req, traces, timeout)

    def _renew(self) -> None:
        if self.closed:
            return
        old, self._pool = self._pool, Pool(self._context, self._options, self._tasks)
        old.retire()

    def close(self, *, abort_ssl: bool = False) -> Any:
        """Awaitable, as the base's."""
        return self._close_all(abort_ssl)

    async def _close_all(self, abort_ssl: bool) -> None:
        await super().close()
        await self._pool.connector.close(**({"abort_ssl": True} if abort_ssl else {}))  # known from 3.12 on
        await self._tasks.close()


__all__ = ["FollowingConnector", "aiohttp", "connector"]
