"""What is read of a running server whenever somebody asks: sizes of the index, lags, and the time left.

Sizes stand under the names of SPIRE's caches, which hold the same things; a cache of SPIRE's that has no counterpart
here (skipped events, agents by expiry) has no metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from finial.authority.slots import Kind
from finial.runtime.clock import Clock
from finial.runtime.grpc import Server
from finial.runtime.metrics import Metrics
from finial.server.adoption import Adoption
from finial.server.endpoints import Endpoints
from finial.server.follow import Follower
from finial.server.identity import ServerIdentity
from finial.server.rotate import Authorities
from finial.server.sign import Signer
from finial.server.watch import Watchers

Life = tuple[datetime, datetime]
"""When a credential begins and ends."""


def _agents(follower: Follower, clock: Clock) -> Iterator[tuple[str, float]]:
    now = clock.unix()
    return ((str(one.id), one.expires_at - now) for one in follower.index.agents.values())


def observe_index(metrics: Metrics, follower: Follower, clock: Clock) -> None:
    metrics.gauge("node.agents_by_id_cache.count").read(lambda: float(len(follower.index.agents)))
    metrics.gauge("entry.entries_by_entryid_cache.count").read(
        lambda: float(len(follower.index.entries) - follower.index.aliases[0])
    )
    metrics.gauge("entry.nodealiases_by_entryid_cache.count").read(lambda: float(follower.index.aliases[0]))
    metrics.gauge("entry.nodealiases_by_selector_cache.count").read(lambda: float(follower.index.aliases[1]))
    if metrics.by_id:
        metrics.gauge_each("finial.agent_expiration_seconds", "spiffe_id", partial(_agents, follower, clock))
    metrics.gauge("finial.change_log_position").read(lambda: float(follower.position.id))
    metrics.gauge("finial.change_log_outage_seconds").read(lambda: follower.outage)


def observe_agents(metrics: Metrics, watchers: Watchers, adoption: Adoption) -> None:
    metrics.gauge("finial.watchers").read(lambda: float(len(watchers)))
    metrics.gauge("finial.authority_adoption_lag_seconds").read(adoption.lag)
    metrics.gauge("finial.authority_adoption_pending_agents").read(lambda: float(adoption.pending()))


def observe_connections(metrics: Metrics, endpoints: Endpoints) -> None:
    def connections(server: Server) -> float:
        return float(server.connections)

    def calls(server: Server) -> float:
        return float(server.calls)

    for listener, server in endpoints.servers.items():
        metrics.gauge("finial.connections", listener=listener).read(partial(connections, server))
        metrics.gauge("finial.calls_open", listener=listener).read(partial(calls, server))


def observe_credentials(
    metrics: Metrics, clock: Clock, signer: Signer, authorities: Authorities, identity: ServerIdentity
) -> None:
    """Once there is one of each kind, and JWT keys where they are not switched off."""

    def ca() -> Life:
        read = signer.issuer.ca.read
        return read.not_before, read.not_after

    def jwt() -> Life | None:
        record = authorities.state.slots(Kind.JWT).current
        if record is None:
            return None
        return datetime.fromtimestamp(record.issued_at, UTC), datetime.fromtimestamp(record.not_after, UTC)

    def svid() -> Life:
        return identity.svid.not_before, identity.svid.not_after

    observe_life(metrics, clock, "x509_ca", ca)
    observe_life(metrics, clock, "server_svid", svid)
    if jwt() is not None:
        observe_life(metrics, clock, "jwt_key", jwt)


def observe_life(metrics: Metrics, clock: Clock, kind: str, life: Callable[[], Life | None]) -> None:
    """NaN while there is none."""

    def left() -> float:
        found = life()
        return math.nan if found is None else (found[1] - clock.now()).total_seconds()

    def whole() -> float:
        found = life()
        return math.nan if found is None else (found[1] - found[0]).total_seconds()

    metrics.gauge("finial.expiration_seconds", kind=kind).read(left)
    metrics.gauge("finial.lifetime_seconds", kind=kind).read(whole)
