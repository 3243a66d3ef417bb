"""Operations of the store under SPIRE's names."""

from __future__ import annotations

import re
from pathlib import Path

from finial.runtime.metrics import Metrics
from finial.store import store
from finial.store.measured import KEYS, Measured
from finial.testing.clock import VirtualClock

UNKNOWN_TO_SPIRE = {"bucket", "things"}


def test_each_operation_of_the_store_has_spires_name_or_is_ours_alone() -> None:
    source = Path(store.__file__).read_text()
    used = set(re.findall(r"self\._(?:read|write)\(\s*\"([a-z._]+)\"", source))
    used |= set(re.findall(r"counted=\"([a-z0-9._]+)\"", source))
    assert len(used) > 30
    assert used - UNKNOWN_TO_SPIRE == KEYS.keys()


def test_calls_are_counted_under_it() -> None:
    metrics = Metrics("spire_server", VirtualClock())
    measured = Measured(metrics)
    measured["entries.create"].done("OK", 0.1)
    measured["bucket"].done("OK", 0.1)
    assert [family.key for family in metrics.families()] == [
        "finial.store_operation_seconds",
        "spire_server.datastore.registration_entry.create",
        "spire_server.datastore.registration_entry.create.elapsed_time",
    ]
