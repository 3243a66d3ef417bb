"""What is read of an agent whenever somebody asks: how much it holds, what is left of each SVID, and its trust.

How trust was established stands under SPIRE's names and in SPIRE's units: `bootstrap_seconds` is a Unix time. SPIRE
1.15: pkg/agent/trustbundlesources/bundle.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from finial.agent.contact import Contact
from finial.agent.rebootstrap import Rebootstrap
from finial.agent.sign import Signer
from finial.agent.storage import Use
from finial.agent.svids import Holdings
from finial.runtime.clock import Clock
from finial.runtime.metrics import Metrics
from finial.svid.x509 import X509Svid

MODES = ("bootstrap", "rebootstrap")


def observe_holdings(metrics: Metrics, holdings: Holdings, signer: Signer) -> None:
    metrics.gauge("lru_cache_record_map_size").read(lambda: float(len(holdings.entries)))
    metrics.gauge("lru_cache_svid_map_size").read(lambda: float(len(holdings.svids)))
    metrics.gauge("jwt_svid_cache_size").read(lambda: float(signer.jwts_kept))


def observe_contact(metrics: Metrics, contact: Contact, clock: Clock) -> None:
    began = clock.unix()  # what was never heard of is silent since then

    def silence() -> float:
        return max(0.0, clock.unix() - max(contact.heard_at, began))

    metrics.gauge("finial.server_silence_seconds").read(silence)


def observe_lives(metrics: Metrics, clock: Clock, own: Callable[[], X509Svid], holdings: Holdings) -> None:
    """Of workloads' SVIDs that which ends first; NaN while there is none."""

    def first() -> X509Svid | None:
        return min((one.svid for one in holdings.svids.values()), key=lambda one: one.not_after, default=None)

    def each() -> Iterator[tuple[str, float]]:
        for one in holdings.svids.values():
            yield str(one.svid.id), (one.svid.not_after - clock.now()).total_seconds()

    if metrics.by_id:
        metrics.gauge_each("finial.svid_expiration_seconds", "spiffe_id", each)
    lives: dict[str, Callable[[], X509Svid | None]] = {"agent_svid": own, "workload_svid": first}
    for kind, svid in lives.items():
        metrics.gauge("finial.expiration_seconds", kind=kind).read(partial(_left, svid, clock.now))
        metrics.gauge("finial.lifetime_seconds", kind=kind).read(partial(_life, svid))


def _left(svid: Callable[[], X509Svid | None], now: Callable[[], datetime]) -> float:
    one = svid()
    return float("nan") if one is None else (one.not_after - now()).total_seconds()


def _life(svid: Callable[[], X509Svid | None]) -> float:
    one = svid()
    return float("nan") if one is None else (one.not_after - one.not_before).total_seconds()


def observe_trust(metrics: Metrics, trust: Rebootstrap) -> None:
    metrics.gauge("bootstrapped").read(lambda: float(trust.state.started_at is None))
    for mode in MODES:
        metrics.gauge("bootstrap_attempts", mode=mode).read(partial(_attempts, trust, mode))
        metrics.gauge("bootstrap_seconds", mode=mode).read(partial(_since, trust, mode))


def _is(trust: Rebootstrap, mode: str) -> bool:
    return mode == MODES[trust.state.use is Use.TRUST_ANEW]


def _attempts(trust: Rebootstrap, mode: str) -> float:
    return float(trust.state.attempts) if _is(trust, mode) else 0.0


def _since(trust: Rebootstrap, mode: str) -> float:
    began = trust.state.started_at
    return began.timestamp() if began is not None and _is(trust, mode) else 0.0
