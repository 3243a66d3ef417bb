"""What an agent takes from its server, counted: entries, taints and SVIDs, under the names of SPIRE's caches.

SPIRE 1.15: pkg/common/telemetry/agent/{manager,lru}.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from finial.agent.answer import HeldSvid
from finial.agent.due import Due
from finial.agent.svids import Tally
from finial.registry.entry import Entry
from finial.runtime.metrics import Calls, Metrics

UPDATES = "finial.svid_updates_total"
OK, SUCCESS, FAILURE = "OK", "success", "failure"


class CountedIntake:
    """Entries that came, changed and went, be it by a poll or by a push, and what a taint concerned."""

    def __init__(self, metrics: Metrics) -> None:
        self._added = metrics.counter("lru_cache_entry_add")
        self._updated = metrics.counter("lru_cache_entry_update")
        self._removed = metrics.counter("lru_cache_entry_remove")
        self.pushed = metrics.counter("finial.watch_changes_total")
        self._metrics = metrics
        self._taints: dict[str, Calls] = {
            one: metrics.calls(f"cache_manager.workload.process_tainted_{one}_svids")
            for one in ("x509", "jwt")
        }

    def entries(self, tally: Tally) -> None:
        self._added.add(tally.added)
        self._updated.add(tally.updated)
        self._removed.add(tally.removed)

    def tainted(self, kind: str, count: int, seconds: float) -> None:
        """`kind`: x509 or jwt. So many SVIDs were found to be of a tainted authority, in so long."""
        self._taints[kind].done(OK, seconds)
        self._metrics.sample(f"cache_manager.tainted_{kind}_svids.workload").add(count)


class CountedPolls:
    """`calls`: each poll; `done`: what one brought."""

    def __init__(self, metrics: Metrics) -> None:
        self.calls = metrics.calls("manager.sync.fetch_entries_updates")
        self._metrics = metrics

    def done(self, before: Mapping[str, Entry], after: Mapping[str, Entry], bundles: int) -> None:
        figures = {
            "bundles_total": bundles,
            "entries_total": len(after),
            "entries_missing": len(after.keys() - before.keys()),
            "entries_stale": sum(before[one] != entry for one, entry in after.items() if one in before),
            "entries_dropped": len(before.keys() - after.keys()),
        }
        for name, value in figures.items():
            self._metrics.gauge(f"sync_{name}").set(value)


class CountedSvids:
    """`calls`: each batch; `asked`: why its SVIDs were renewed; `kept`: which came."""

    def __init__(self, metrics: Metrics) -> None:
        self.calls = metrics.calls("manager.sync.fetch_svids_updates")
        self._metrics = metrics

    def asked(self, batch: Iterable[tuple[Due, HeldSvid | None]]) -> None:
        """With what is in hand."""
        held = [(due.entry, svid) for due, svid in batch if svid is not None]
        outdated = sum(not svid.current_for(entry) for entry, svid in held)
        if expiring := len(held) - outdated:
            self._metrics.sample("cache_manager.expiring_svids").add(expiring)
        if outdated:
            self._metrics.sample("cache_manager.outdated_svids").add(outdated)

    def kept(self, signed: Iterable[HeldSvid], refused: int) -> None:
        for one in signed:
            labels = {"spiffe_id": str(one.svid.id)} if self._metrics.by_id else {}
            self._metrics.counter(UPDATES, status=SUCCESS, **labels).add()
        if refused:
            self._metrics.counter(UPDATES, status=FAILURE).add(refused)
