"""How often workloads may call each method: their selectors in, a refusal or nothing out.

Workloads with the same selectors share what a method allows, a bucket that holds one second's calls; those
without any share one too. The agent's own calls, its health check, are free. SPIRE 1.15
`pkg/agent/endpoints/ratelimit.go`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping

from finial.errors import Unavailable
from finial.plugin.kinds import WorkloadProcess
from finial.runtime.clock import Clock
from finial.runtime.limits import RateLimiter
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.spiffe.selector import Selector


class WorkloadLimiter:
    """`limits`: calls a second by the method's full name; 0 is no limit."""

    def __init__(self, limits: Mapping[str, int], clock: Clock, log: Logger, metrics: Metrics) -> None:
        self._metrics = metrics
        self._limiters = {method: RateLimiter(limit, clock) for method, limit in limits.items() if limit > 0}
        for method in self._limiters:
            log.info("Workload API/SDS rate limiting enabled", limit=limits[method], method=method)

    def check(self, method: str, caller: WorkloadProcess, selectors: Iterable[Selector]) -> None:
        """Raises: Unavailable, in SPIRE's words, for a call too many."""
        limiter = self._limiters.get(method)
        if limiter is None or caller.pid == os.getpid():
            return
        if not limiter.allow(key_of(selectors)):
            self._metrics.counter("workload_api.rate_limit_exceeded", method=method).add()
            raise Unavailable(f"rate limit exceeded for {method}")


def key_of(selectors: Iterable[Selector]) -> str:
    """Short, whatever number of selectors there are; the zero bytes keep neighbours apart."""
    texts = sorted(f"{one.type}\0{one.value}\0" for one in selectors)
    return hashlib.sha256("".join(texts).encode()).hexdigest() if texts else ""
