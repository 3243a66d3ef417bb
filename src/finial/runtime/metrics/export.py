"""How metrics leave a program: an endpoint that Prometheus reads, and daemons that are told each change.

`Export` is what the configuration asks for; `Exporter` makes the `Metrics` to count into and serves them. With
TLS a reader is known by a CA's certificate, by an X509-SVID, or not at all, as configured. An endpoint that cannot
be opened is told and does not keep the program from its work: SPIRE 1.15, prometheus.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from finial.errors import FinialError
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics.exposition import CONTENT_TYPE, exposition
from finial.runtime.metrics.names import Filter
from finial.runtime.metrics.process import observe_process
from finial.runtime.metrics.readers import ReaderContext, TlsExport
from finial.runtime.metrics.registry import Metrics
from finial.runtime.metrics.statsd import Dialect, StatsdSink
from finial.runtime.pages import Pages, Response
from finial.runtime.sockets import listen_tcp

LOCAL = "localhost"


@dataclass(frozen=True, slots=True)
class Export:
    """`endpoint`: host and port, 0 for a free one. `labels` stand on each metric. `by_id`: see `Metrics`."""

    service: str
    labels: Mapping[str, str] = field(default_factory=dict)
    kept: Filter = field(default_factory=Filter)
    daemons: tuple[tuple[str, Dialect], ...] = ()
    endpoint: tuple[str, int] | None = None
    tls: TlsExport | None = None
    by_id: bool = False


class Exporter:
    """`metrics` may be counted into from the making on; `start`, keep `metrics.run` running, `close`. `readers`: the
    TLS that is to follow the program's identity and trust, where the configuration asks for it."""

    def __init__(self, export: Export, clock: Clock, log: Logger) -> None:
        """Raises: InvalidArgument for a daemon's address that is none, or TLS files that cannot be used."""
        self._export, self._log = export, log.subsystem("telemetry")
        self._sinks = [StatsdSink(address, dialect) for address, dialect in export.daemons]
        self._pages = Pages(self._page)
        self.metrics = Metrics(
            export.service,
            clock,
            labels=dict(export.labels),
            kept=export.kept,
            sinks=self._sinks,
            by_id=export.by_id,
        )
        self.port = 0
        tls = export.tls
        self._plain_tls = tls.context() if tls and not tls.is_spiffe else None
        self.readers = ReaderContext(tls) if tls and tls.is_spiffe else None
        observe_process(self.metrics, clock)

    async def start(self) -> None:
        """Once `readers`, if there are some to be known, follow what the program is."""
        if self._export.endpoint is None:
            return
        host, port = self._export.endpoint
        context = self.readers.context if self.readers else self._plain_tls
        if host != LOCAL:
            self._log.warning(
                "Agent is now configured to accept remote network connections for Prometheus stats collection. "
                "Please ensure access to this port is tightly controlled"
            )
        try:
            sock = listen_tcp(host, port)
        except FinialError as why:
            self._log.warning(f"Prometheus listener stopped unexpectedly: {why}")
            return
        self.port = sock.getsockname()[1]
        self._log.info("Starting prometheus exporter", host=host, port=self.port)
        await self._pages.start(sock, context)

    async def close(self) -> None:
        await self._pages.close()
        for sink in self._sinks:
            with contextlib.suppress(OSError):
                sink.close()

    def _page(self, path: str) -> Response:
        """Any path answers, as a stock server's does."""
        return Response(HTTPStatus.OK, exposition(self.metrics.families()), CONTENT_TYPE)
