"""What the signer signed, counted: under SPIRE's names what came out, under ours also what did not.

SPIFFE IDs stand beside it only where the configuration asks for them: they are as many as there are workloads.
"""

from __future__ import annotations

from collections.abc import Sequence

from finial.errors import FinialError
from finial.runtime.metrics import Counter, Metrics
from finial.svid.jwt import JwtSvid
from finial.svid.x509 import X509Svid

TOTAL, LATENCY = "finial.svid_issuance_total", "finial.svid_issuance_latency_seconds"
X509, JWT = "x509", "jwt"
SUCCESS, FAILURE = "success", "failure"


class Issued:
    """One for a signer; told on the event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._signed = {
            X509: metrics.counter("server_ca.sign.x509_svid"),
            JWT: metrics.counter("server_ca.sign.jwt_svid"),
        }
        self._took = {one: metrics.histogram(LATENCY, type=one) for one in self._signed}
        self._totals: dict[tuple[str, str], Counter] = {}

    def x509(self, results: Sequence[X509Svid | FinialError], seconds: float) -> None:
        """One job or a batch, which took so long."""
        self._count(X509, results, seconds)

    def jwt(self, result: JwtSvid | FinialError, seconds: float) -> None:
        self._count(JWT, (result,), seconds)

    def _count(self, kind: str, results: Sequence[X509Svid | JwtSvid | FinialError], seconds: float) -> None:
        self._took[kind].add(seconds)
        signed = [one for one in results if not isinstance(one, FinialError)]
        if signed:
            self._signed[kind].add(len(signed))
        if failed := len(results) - len(signed):
            self._total(kind, FAILURE).add(failed)
        if self._metrics.by_id:
            for one in signed:
                self._metrics.counter(TOTAL, type=kind, status=SUCCESS, spiffe_id=str(one.id)).add()
        elif signed:
            self._total(kind, SUCCESS).add(len(signed))

    def _total(self, kind: str, status: str) -> Counter:
        counter = self._totals.get((kind, status))
        if counter is None:
            counter = self._totals[kind, status] = self._metrics.counter(TOTAL, type=kind, status=status)
        return counter
