"""py-spiffe's WorkloadApiClient: blocking calls, over one connection that a thread of its own keeps."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from finial.client.background import Background
from finial.client.endpoint import ENVIRONMENT
from finial.client.pyspiffe import errors
from finial.client.pyspiffe.bundles import JwtBundle, JwtBundleSet, X509Bundle, X509BundleSet
from finial.client.pyspiffe.context import X509Context
from finial.client.pyspiffe.ids import SpiffeId
from finial.client.pyspiffe.streams import NO_RETRY, RetryPolicy, StreamCancelHandler, Watch
from finial.client.pyspiffe.svids import JwtSvid, X509Svid
from finial.client.workload import WorkloadApi, first
from finial.errors import FinialError, InvalidArgument
from finial.spiffe.bundle import BundleSet

T = TypeVar("T")


class WorkloadApiClient:
    """`socket_path` as SPIFFE_ENDPOINT_SOCKET, which is read where none is given; `default_timeout`: seconds
    for each call, None for ever. Raises: ArgumentError for an endpoint that is none or not there."""

    def __init__(self, socket_path: str | None = None, default_timeout: float | None = None) -> None:
        self._socket = socket_path or os.environ.get(ENVIRONMENT, "")
        self._timeout = default_timeout
        try:
            self._api = WorkloadApi(self._socket)
        except InvalidArgument as why:
            raise errors.ArgumentError(f"Invalid WorkloadApiClient configuration: {why}") from why
        path = self._api.endpoint.path
        if path and not os.path.exists(path):
            raise errors.ArgumentError(
                f'Invalid WorkloadApiClient configuration: SPIFFE socket file "{path}" does not exist.'
            )
        self._background = Background("workload api client")

    def fetch_x509_svid(self, timeout: float | None = None) -> X509Svid:
        """The default one. Raises: FetchX509SvidError."""
        return self.fetch_x509_context(timeout).default_svid

    def fetch_x509_svids(self, timeout: float | None = None) -> list[X509Svid]:
        """Raises: FetchX509SvidError."""
        return self.fetch_x509_context(timeout).x509_svids

    def fetch_x509_context(self, timeout: float | None = None) -> X509Context:
        """Raises: FetchX509SvidError."""
        with told_as(errors.FetchX509SvidError):
            return X509Context.of(self._call(self._api.fetch_x509(), timeout))

    def fetch_x509_bundles(self, timeout: float | None = None) -> X509BundleSet:
        """Raises: FetchX509BundleError."""
        with told_as(errors.FetchX509BundleError):
            return X509BundleSet.from_set(self._call(self._x509_bundles(), timeout), X509Bundle.of)

    async def _x509_bundles(self) -> BundleSet:
        async with aclosing(self._api.watch_x509_bundles()) as found:
            return await first(found)

    def fetch_jwt_svid(
        self, audience: Collection[str], subject: SpiffeId | None = None, timeout: float | None = None
    ) -> JwtSvid:
        """The default one. Raises: FetchJwtSvidError, ArgumentError for no audience."""
        return self.fetch_jwt_svids(audience, subject, timeout)[0]

    def fetch_jwt_svids(
        self, audience: Collection[str], subject: SpiffeId | None = None, timeout: float | None = None
    ) -> list[JwtSvid]:
        """Raises: FetchJwtSvidError, ArgumentError for no audience."""
        if not audience:
            raise errors.ArgumentError("Parameter audiences cannot be empty")
        wanted = sorted(audience)
        with told_as(errors.FetchJwtSvidError):
            found = self._call(self._api.fetch_jwt(wanted, str(subject) if subject else None), timeout)
            if not found:
                raise errors.FetchJwtSvidError("JWT SVID response is empty")
            return [JwtSvid.of(one) for one in found]

    def fetch_jwt_bundles(self, timeout: float | None = None) -> JwtBundleSet:
        """Raises: FetchJwtBundleError."""
        with told_as(errors.FetchJwtBundleError):
            return JwtBundleSet.from_set(self._call(self._api.fetch_jwt_bundles(), timeout), JwtBundle.of)

    def validate_jwt_svid(self, token: str, audience: str, timeout: float | None = None) -> JwtSvid:
        """The agent checks it. Raises: ValidateJwtSvidError, ArgumentError for no token or no audience."""
        if not token:
            raise errors.ArgumentError("Token cannot be empty")
        if not audience:
            raise errors.ArgumentError("Audience cannot be empty")
        with told_as(errors.ValidateJwtSvidError):
            return JwtSvid.of(self._call(self._api.validate_jwt(token, audience), timeout))

    def stream_x509_contexts(
        self,
        on_success: Callable[[X509Context], None],
        on_error: Callable[[Exception], None],
        retry_connect: bool = True,
        retry_policy: RetryPolicy | None = None,
    ) -> StreamCancelHandler:
        """`on_success` gets the context of now and each later one, `on_error` what ended the stream."""
        retry = (retry_policy or RetryPolicy()) if retry_connect else NO_RETRY
        watch = Watch(self._api.watch_x509, X509Context.of, on_success, on_error, retry)
        return watch.start(self._background)

    def stream_jwt_bundles(
        self,
        on_success: Callable[[JwtBundleSet], None],
        on_error: Callable[[Exception], None],
        retry_connect: bool = True,
        retry_policy: RetryPolicy | None = None,
    ) -> StreamCancelHandler:
        """The same for JWT bundles."""
        retry = (retry_policy or RetryPolicy()) if retry_connect else NO_RETRY
        watch = Watch(self._api.watch_jwt_bundles, jwt_bundle_set, on_success, on_error, retry)
        return watch.start(self._background)

    def get_spiffe_endpoint_socket(self) -> str:
        return self._socket

    def close(self) -> None:
        """Ends the connection, and streams with it."""
        if not self._background.closed:
            self._background.call(self._api.close())
            self._background.close()

    def _call(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T:
        return self._background.call(work, self._timeout if timeout is None else timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def jwt_bundle_set(found: BundleSet) -> JwtBundleSet:
    return JwtBundleSet.from_set(found, JwtBundle.of)


@contextmanager
def told_as(kind: type[errors.WorkloadApiError]) -> Iterator[None]:
    """Ours as py-spiffe's; a key that cannot be read is a ValueError of cryptography."""
    try:
        yield
    except (FinialError, ValueError) as why:
        raise kind(str(why)) from why
