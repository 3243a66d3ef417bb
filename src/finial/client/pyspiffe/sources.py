"""py-spiffe's sources: they block until the first answer, then follow the Workload API until they are closed."""

from __future__ import annotations

import logging
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Generic, Self, TypeVar

from finial.client.pyspiffe.api import WorkloadApiClient
from finial.client.pyspiffe.bundles import JwtBundle, JwtBundleSet, X509Bundle
from finial.client.pyspiffe.context import X509Context
from finial.client.pyspiffe.errors import (
    ArgumentError,
    JwtSourceError,
    WorkloadApiError,
    X509SourceError,
)
from finial.client.pyspiffe.ids import SpiffeId, TrustDomain
from finial.client.pyspiffe.streams import StreamCancelHandler
from finial.client.pyspiffe.svids import JwtSvid, X509Svid

log = logging.getLogger(__name__)
Held = TypeVar("Held")
Picker = Callable[[list[X509Svid]], X509Svid]
Subscriber = Callable[[], None]


class _Source(ABC, Generic[Held]):
    """The newest value of a stream. A client that is given stays its owner's; one made here is closed here."""

    _error_kind: type[WorkloadApiError]

    def __init__(
        self, workload_api_client: WorkloadApiClient | None, socket_path: str | None, timeout: float | None
    ) -> None:
        self._owns = workload_api_client is None
        self._client = workload_api_client or WorkloadApiClient(socket_path)
        self._known = threading.Event()
        self._held: Held | None = None
        self._error: Exception | None = None
        self._closed = False
        self._subscribers: list[Subscriber] = []
        self._stream = self._open()
        self._await_first(timeout)

    def _await_first(self, timeout: float | None) -> None:
        if not self._known.wait(timeout):
            self.close()
            raise self._error_kind("Timeout waiting for the first update.")
        if self._error is not None:
            self.close()
            raise self._error_kind(str(self._error)) from self._error

    @abstractmethod
    def _open(self) -> StreamCancelHandler: ...

    def _take(self, held: Held) -> None:
        self._held = held
        self._known.set()
        for subscriber in tuple(self._subscribers):
            try:
                subscriber()
            except Exception:
                log.exception("a subscriber failed")

    def _fail(self, why: Exception) -> None:
        self._error = why
        self._closed = True
        self._known.set()

    def _current(self) -> Held:
        if self._error is not None:
            raise self._error_kind(f"source has error: {self._error}")
        if self._closed or self._held is None:
            raise self._error_kind("source is closed")
        return self._held

    def subscribe_for_updates(self, callback: Subscriber) -> None:
        """Called after each later update, in the stream's thread; one that raises is logged."""
        self._subscribers.append(callback)

    def unsubscribe_for_updates(self, callback: Subscriber) -> None:
        if callback in self._subscribers:
            self._subscribers.remove(callback)

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nothing can be asked of a closed source."""
        self._closed = True
        self._stream.cancel()
        if self._owns:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class X509Source(_Source[X509Context]):
    """`svid_picker` chooses among several SVIDs; one that raises ends the source. Raises: X509SourceError."""

    _error_kind = X509SourceError

    def __init__(
        self,
        workload_api_client: WorkloadApiClient | None = None,
        socket_path: str | None = None,
        timeout_in_seconds: float | None = None,
        svid_picker: Picker | None = None,
    ) -> None:
        self._picker = svid_picker
        super().__init__(workload_api_client, socket_path, timeout_in_seconds)

    def _open(self) -> StreamCancelHandler:
        return self._client.stream_x509_contexts(self._pick, self._fail)

    def _pick(self, context: X509Context) -> None:
        svid = self._picker(context.x509_svids) if self._picker else context.default_svid
        self._take(X509Context([svid], context.x509_bundle_set))

    def get_x509_context(self) -> X509Context:
        """The chosen SVID and the bundles of one moment."""
        return self._current()

    @property
    def svid(self) -> X509Svid:
        warn_of("svid", "get_x509_context().default_svid")
        return self._current().default_svid

    @property
    def bundles(self) -> frozenset[X509Bundle]:
        warn_of("bundles", "get_x509_context().x509_bundle_set.bundles")
        return frozenset(self._current().x509_bundle_set.bundles)

    def get_bundle_for_trust_domain(self, trust_domain: TrustDomain) -> X509Bundle | None:
        return self._current().x509_bundle_set.get_bundle_for_trust_domain(trust_domain)


class JwtSource(_Source[JwtBundleSet]):
    """Raises: JwtSourceError."""

    _error_kind = JwtSourceError

    def __init__(
        self,
        workload_api_client: WorkloadApiClient | None = None,
        socket_path: str | None = None,
        timeout_in_seconds: float | None = None,
    ) -> None:
        super().__init__(workload_api_client, socket_path, timeout_in_seconds)

    def _open(self) -> StreamCancelHandler:
        return self._client.stream_jwt_bundles(self._take, self._fail)

    @property
    def bundles(self) -> frozenset[JwtBundle]:
        return frozenset(self._current().bundles)

    def get_bundle_for_trust_domain(self, trust_domain: TrustDomain) -> JwtBundle | None:
        return self._current().get_bundle_for_trust_domain(trust_domain)

    def fetch_svid(
        self, audience: Collection[str], subject: SpiffeId | None = None, timeout: float | None = None
    ) -> JwtSvid:
        """From the agent, each time. Raises: FetchJwtSvidError, ArgumentError for no audience."""
        return self.fetch_svids(audience, subject, timeout)[0]

    def fetch_svids(
        self, audiences: Collection[str], subject: SpiffeId | None = None, timeout: float | None = None
    ) -> list[JwtSvid]:
        if not audiences:
            raise ArgumentError("Audience cannot be empty")
        return self._client.fetch_jwt_svids(audiences, subject, timeout=timeout)


def warn_of(name: str, instead: str) -> None:
    """As py-spiffe does, where the property stands in the program."""
    text = f"X509Source.{name} is deprecated; use X509Source.{instead} instead."
    warnings.warn(text, DeprecationWarning, stacklevel=3)
