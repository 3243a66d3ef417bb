"""Entries, polls and SVIDs under the names of SPIRE's caches."""

from __future__ import annotations

from datetime import UTC, datetime

from finial.agent.answer import HeldSvid
from finial.agent.counted import CountedIntake, CountedPolls, CountedSvids
from finial.agent.due import Due
from finial.agent.svids import Tally
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid.x509 import parse
from finial.testing.ca import TestCa
from finial.testing.metrics import told, unread

END = datetime(2100, 1, 1, tzinfo=UTC)


def entry(name: str, revision: int = 0) -> Entry:
    parent = SpiffeId.parse("spiffe://example.org/node")
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, parent, (Selector("t", "1"),), revision_number=revision)


def held(name: str) -> HeldSvid:
    return HeldSvid(parse(TestCa().leaf(f"/{name}").chain), b"", 0, 0, 0.0)


def test_entries_and_taints() -> None:
    metrics = unread()
    counted = CountedIntake(metrics)
    counted.entries(Tally(added=3, updated=2, removed=1))
    counted.tainted("x509", 5, 0.25)
    found = told(metrics)
    assert [found[f"s_lru_cache_entry_{one}"] for one in ("add", "update", "remove")] == [3, 2, 1]
    assert found["s_cache_manager_tainted_x509_svids_workload_sum"] == 5
    assert found['s_cache_manager_workload_process_tainted_x509_svids{status="OK"}'] == 1


def test_a_poll_tells_what_it_brought() -> None:
    metrics = unread()
    before = {one.id: one for one in (entry("same"), entry("changed"), entry("gone"))}
    after = {one.id: one for one in (entry("same"), entry("changed", 2), entry("new"), entry("newer"))}
    CountedPolls(metrics).done(before, after, 2)
    assert told(metrics) == {
        "s_sync_bundles_total": 2,
        "s_sync_entries_total": 4,
        "s_sync_entries_missing": 2,
        "s_sync_entries_stale": 1,
        "s_sync_entries_dropped": 1,
    }


def test_renewals_tell_why() -> None:
    metrics = unread()
    batch = [
        (Due(entry("new"), None, awaited=True), None),
        (Due(entry("old"), END, awaited=False), held("old")),
        (Due(entry("changed", 1), END, awaited=False), held("changed")),
        (Due(entry("changed-too", 1), END, awaited=False), held("changed-too")),
    ]
    CountedSvids(metrics).asked(batch)
    found = told(metrics)
    assert found["s_cache_manager_expiring_svids_sum"] == 1
    assert found["s_cache_manager_outdated_svids_sum"] == 2


def test_svids_that_came_are_told_by_id_where_that_is_asked_for() -> None:
    plain, by_id = unread(), unread(by_id=True)
    for metrics in (plain, by_id):
        CountedSvids(metrics).kept([held("a"), held("a")], refused=3)
    assert told(plain)['finial_svid_updates_total{status="success"}'] == 2
    assert told(by_id)['finial_svid_updates_total{spiffe_id="spiffe://example.org/a",status="success"}'] == 2
    assert told(by_id)['finial_svid_updates_total{status="failure"}'] == 3
