"""Sources for programs without an event loop: threads, scripts, `requests`, `urllib`, `http.client`.

    with blocking.X509Source() as source:
        context = source.client_context(authorize.one_of("spiffe://example.org/payment-api"))
        connection = http.client.HTTPSConnection("127.0.0.1", 18444, context=context)

Each source has an event loop in a thread of its own. The contexts follow it like those of `client.tls`; a
pooled connection keeps the trust it was made under: `context.on_change(close_pool)` tells of each change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from finial.client import jwt_source, tls, x509_source
from finial.client.authorize import Authorizer
from finial.client.background import Background
from finial.client.identity import Identity, X509Context
from finial.client.workload import WorkloadApi
from finial.runtime.tls import FollowingContext
from finial.spiffe.bundle import BundleSet
from finial.spiffe.id import SpiffeId
from finial.svid.jwt import JwtSvid

TIMEOUT = 30.0  # seconds for the first answer


class X509Source:
    """Blocks until the first identity is there. `endpoint`, `hint`, `timeout` and errors as in
    `client.X509Source`. Any thread may use it."""

    def __init__(
        self, endpoint: str | None = None, *, hint: str | None = None, timeout: float | None = TIMEOUT
    ) -> None:
        api = WorkloadApi(endpoint)
        self._background = Background("x509 source")
        try:
            self._api, self._source = api, self._background.call(self._open(api, hint, timeout))
        except BaseException:
            self._background.close()
            raise

    @staticmethod
    async def _open(api: WorkloadApi, hint: str | None, timeout: float | None) -> x509_source.X509Source:
        try:
            return await x509_source.X509Source(api, hint=hint, timeout=timeout).open()
        except BaseException:
            await api.close()
            raise

    @property
    def context(self) -> X509Context:
        """Everything that was received last."""
        return self._source.context

    @property
    def identity(self) -> Identity:
        return self._source.identity

    @property
    def id(self) -> SpiffeId:
        return self._source.id

    @property
    def bundles(self) -> BundleSet:
        return self._source.bundles

    def subscribe(self, subscriber: x509_source.Subscriber) -> Callable[[], None]:
        """Called with each later context, in the source's thread. Returns what ends the subscription."""
        return self._source.subscribe(subscriber)

    def client_context(self, authorize: Authorizer, *, alpn: Sequence[str] = tls.HTTP) -> FollowingContext:
        """Shows this workload's SVID; asks `authorize` for the server's ID. Host names are not looked at."""
        return self._background.call(self._context(tls.client_context, authorize, alpn))

    def server_context(self, authorize: Authorizer, *, alpn: Sequence[str] = tls.HTTP) -> FollowingContext:
        """Requires a certificate of the client and asks `authorize` for its ID."""
        return self._background.call(self._context(tls.server_context, authorize, alpn))

    async def _context(
        self, make: Callable[..., FollowingContext], authorize: Authorizer, alpn: Sequence[str]
    ) -> FollowingContext:
        """In the source's thread, so that no change falls between reading it and subscribing to it."""
        return make(self._source, authorize, alpn=alpn)

    def close(self) -> None:
        """Ends the stream and the thread; what was received stays readable."""
        if not self._background.closed:
            self._background.call(_close(self._source, self._api))
            self._background.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class JwtSource:
    """Blocks until the first bundles are there. As `client.JwtSource`, for any thread."""

    def __init__(self, endpoint: str | None = None, *, timeout: float | None = TIMEOUT) -> None:
        api = WorkloadApi(endpoint)
        self._background = Background("jwt source")
        try:
            self._api, self._source = api, self._background.call(self._open(api, timeout))
        except BaseException:
            self._background.close()
            raise

    @staticmethod
    async def _open(api: WorkloadApi, timeout: float | None) -> jwt_source.JwtSource:
        try:
            return await jwt_source.JwtSource(api, timeout=timeout).open()
        except BaseException:
            await api.close()
            raise

    @property
    def bundles(self) -> BundleSet:
        return self._source.bundles

    def token(
        self,
        audience: str | Sequence[str],
        subject: SpiffeId | str | None = None,
        *,
        timeout: float | None = TIMEOUT,
    ) -> JwtSvid:
        """A token with at least half of its life before it. Raises: what the agent answers, DeadlineExceeded."""
        return self._background.call(self._source.token(audience, subject), timeout)

    def verify(self, token: str, audience: str | Sequence[str]) -> JwtSvid:
        """Who sent it; no call leaves the process."""
        return self._source.verify(token, audience)

    def close(self) -> None:
        if not self._background.closed:
            self._background.call(_close(self._source, self._api))
            self._background.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


async def _close(source: x509_source.X509Source | jwt_source.JwtSource, api: WorkloadApi) -> None:
    await source.close()
    await api.close()
