"""What the agent holds, and whom a change wakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from finial.agent import svids
from finial.agent.answer import Answer, HeldSvid, View
from finial.agent.svids import Holdings
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import X509Svid

OWN = TrustDomain("example.org")
OTHER = TrustDomain("other.test")
AGENT = SpiffeId.parse("spiffe://example.org/spire/agent/a")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = X509Authority(b"root")


def entry(entry_id: str, *selectors: str, **more: object) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{entry_id}")
    made = Entry(entry_id, spiffe_id, AGENT, tuple(Selector.parse(one) for one in selectors))
    return replace(made, **more)  # type: ignore[arg-type]


def signed(one: Entry, renew_in: float = 1800.0) -> HeldSvid:
    svid = X509Svid(one.spiffe_id, (b"leaf",), NOW, NOW + timedelta(hours=1), 1, b"key")
    return HeldSvid(svid, b"key", one.revision_number, one.created_at, NOW.timestamp() + renew_in)


def process(*selectors: str) -> frozenset[Selector]:
    return frozenset(Selector.parse(one) for one in selectors)


class Subscriber:
    def __init__(self, holdings: Holdings, *selectors: str) -> None:
        self.wakes = 0
        self.view: View = holdings.subscribe(process(*selectors), self.wake)

    def wake(self) -> None:
        self.wakes += 1

    @property
    def answered(self) -> bool:
        return self.view.answer is not None

    @property
    def ids(self) -> list[str] | None:
        answer = self.view.answer
        return None if answer is None else [one.entry.id for one in answer.identities]


@pytest.fixture
def holdings() -> Holdings:
    return Holdings(Bundle(OWN, (ROOT,)))


def due(holdings: Holdings, after: float = 0.0) -> list[str]:
    return [one.entry.id for one in holdings.due(NOW.timestamp() + after)]


def test_a_caller_that_no_entry_applies_to_gets_an_empty_answer_at_once(holdings: Holdings) -> None:
    assert Subscriber(holdings, "unix:uid:0").ids == []


def test_the_first_answer_waits_for_every_svid(holdings: Holdings) -> None:
    a, b = entry("a", "unix:uid:0"), entry("b", "unix:uid:0")
    holdings.set_entries([b, a])
    caller = Subscriber(holdings, "unix:uid:0", "unix:gid:0")
    assert not caller.answered
    holdings.store("b", signed(b))
    assert (caller.answered, caller.wakes) == (False, 0)
    holdings.store("a", signed(a))
    assert (caller.ids, caller.wakes) == (["a", "b"], 1)


def test_an_added_entry_joins_when_its_svid_is_in_hand(holdings: Holdings) -> None:
    a, b = entry("a", "unix:uid:0"), entry("b", "unix:uid:0")
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    caller = Subscriber(holdings, "unix:uid:0")
    holdings.change_entries([b], [])
    assert (caller.ids, caller.wakes) == (["a"], 0)
    holdings.store("b", signed(b))
    assert (caller.ids, caller.wakes) == (["a", "b"], 1)


def test_a_withdrawn_entry_leaves_at_once_even_while_another_is_being_signed(holdings: Holdings) -> None:
    a, b, c = entry("a", "unix:uid:0"), entry("b", "unix:uid:0"), entry("c", "unix:uid:0")
    holdings.set_entries([a, b])
    holdings.store_all({"a": signed(a), "b": signed(b)})
    caller = Subscriber(holdings, "unix:uid:0")
    holdings.change_entries([c], ["a"])
    assert (caller.ids, caller.wakes) == (["b"], 1)
    holdings.change_entries([], ["b", "c"])
    assert (caller.ids, caller.wakes) == ([], 2)
    assert due(holdings) == []


def test_a_withdrawn_identity_is_not_kept_while_its_successor_is_being_signed(holdings: Holdings) -> None:
    a, b = entry("a", "unix:uid:0"), entry("b", "unix:uid:0")
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    caller = Subscriber(holdings, "unix:uid:0")
    holdings.change_entries([b], ["a"])
    answer = caller.view.answer
    assert answer is not None
    assert (answer.identities, answer.pending, answer.registered) == ((), True, True)
    holdings.store("b", signed(b))
    assert caller.ids == ["b"]


def test_a_change_of_trust_does_not_wait_for_a_signature(holdings: Holdings) -> None:
    caller = Subscriber(holdings, "unix:uid:0")
    holdings.change_entries([entry("a", "unix:uid:0")], [])
    holdings.set_bundles([Bundle(OWN, (X509Authority(b"next"),))], NOW)
    assert caller.view.answer is not None
    assert caller.view.answer.bundle.x509_roots == (b"next",)


def test_a_change_wakes_only_those_whose_answer_changes(holdings: Holdings) -> None:
    a, b = entry("a", "unix:uid:0"), entry("b", "unix:uid:1", federates_with=(OTHER,))
    holdings.set_entries([a, b])
    holdings.store_all({"a": signed(a), "b": signed(b)})
    first, second = Subscriber(holdings, "unix:uid:0"), Subscriber(holdings, "unix:uid:1")
    holdings.store("a", signed(a))
    assert (first.wakes, second.wakes) == (1, 0)
    holdings.set_bundles([Bundle(OTHER, (ROOT,))], NOW)
    assert (first.wakes, second.wakes) == (1, 1)
    holdings.set_bundles([Bundle(OWN, (ROOT, X509Authority(b"next"))), Bundle(OTHER, (ROOT,))], NOW)
    assert (first.wakes, second.wakes) == (2, 2)
    holdings.set_entries([a, b])
    holdings.set_bundles([Bundle(OWN, (ROOT, X509Authority(b"next"))), Bundle(OTHER, (ROOT,))], NOW)
    assert (first.wakes, second.wakes) == (2, 2)


def test_callers_with_equal_selectors_share_a_view_which_ends_with_the_last(holdings: Holdings) -> None:
    first, second = Subscriber(holdings, "unix:uid:0"), Subscriber(holdings, "unix:uid:0")
    assert first.view is second.view
    holdings.unsubscribe(first.view, first.wake)
    a = entry("a", "unix:uid:0")
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    assert (first.ids, second.ids) == (["a"], ["a"])
    woken = second.wakes
    assert (first.wakes, woken > 0) == (0, True)
    holdings.unsubscribe(second.view, second.wake)
    holdings.set_entries([])
    assert second.wakes == woken
    assert Subscriber(holdings, "unix:uid:0").view is not first.view


def test_the_answer_holds_the_own_bundle_and_those_federated_with(holdings: Holdings) -> None:
    third = TrustDomain("third.test")
    a = entry("a", "unix:uid:0", federates_with=(OTHER, TrustDomain("absent.test")))
    holdings.set_bundles([Bundle(OTHER, (ROOT,)), Bundle(third, (ROOT,))], NOW)
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    answer = Subscriber(holdings, "unix:uid:0").view.answer
    assert isinstance(answer, Answer)
    assert [str(one.trust_domain) for one in answer.bundles] == ["example.org", "other.test"]
    assert set(holdings.bundles_for(process("unix:uid:0")).bundles) == {OWN, OTHER}
    assert set(holdings.bundles_for(process("unix:uid:9")).bundles) == {OWN}


def test_the_own_bundle_stays_when_it_is_not_among_those_given(holdings: Holdings) -> None:
    holdings.set_bundles([Bundle(OTHER, (ROOT,))], NOW)
    assert holdings.bundle == Bundle(OWN, (ROOT,))


def test_an_svid_of_another_spiffe_id_is_never_served(holdings: Holdings) -> None:
    a = entry("a", "unix:uid:0")
    renamed = replace(a, spiffe_id=SpiffeId.parse("spiffe://example.org/renamed"), revision_number=1)
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    caller = Subscriber(holdings, "unix:uid:0")
    holdings.set_entries([renamed])
    holdings.store("a", signed(a))
    assert holdings.held("a") is None
    holdings.store("a", signed(renamed))
    assert caller.view.answer is not None
    assert str(caller.view.answer.identities[0].held.svid.id) == "spiffe://example.org/renamed"


def test_an_svid_for_an_entry_that_went_away_meanwhile_is_dropped(holdings: Holdings) -> None:
    holdings.store("a", signed(entry("a", "unix:uid:0")))
    assert holdings.held("a") is None


Change = Callable[[Entry], Entry]


@pytest.mark.parametrize(
    "change",
    [lambda one: replace(one, revision_number=1), lambda one: replace(one, created_at=7)],
    ids=["revision", "creation"],
)
def test_a_changed_entry_is_due_and_served_from_the_old_svid_until_then(
    holdings: Holdings, change: Change
) -> None:
    a = entry("a", "unix:uid:0")
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    caller = Subscriber(holdings, "unix:uid:0")
    assert due(holdings) == []
    holdings.set_entries([change(a)])
    assert due(holdings) == ["a"]
    assert caller.ids == ["a"]
    holdings.store("a", signed(change(a)))
    assert due(holdings) == []


def test_due_at_the_renewal_time_and_not_before(holdings: Holdings) -> None:
    a = entry("a", "unix:uid:0")
    holdings.set_entries([a])
    holdings.store("a", signed(a, renew_in=100))
    assert holdings.next_renewal() == NOW.timestamp() + 100
    assert (due(holdings, 99.9), due(holdings, 100)) == ([], ["a"])


def test_waiting_workloads_are_signed_for_first(holdings: Holdings) -> None:
    late, idle, wanted = entry("late", "t:1"), entry("idle", "t:2"), entry("wanted", "t:3")
    holdings.set_entries([late, idle, wanted])
    holdings.store("late", signed(late, renew_in=0))
    Subscriber(holdings, "t:3")
    assert due(holdings, 1) == ["wanted", "late", "idle"]
    assert [one.entry.id for one in holdings.due(NOW.timestamp(), limit=1)] == ["wanted"]


def test_a_workload_waits_until_its_svid_is_in_hand_and_nobody_for_one_that_is_old(
    holdings: Holdings,
) -> None:
    idle, wanted = entry("idle", "t:2"), entry("wanted", "t:3")
    holdings.set_entries([idle, wanted])
    waits = [holdings.awaited]
    Subscriber(holdings, "t:3")
    waits.append(holdings.awaited)
    holdings.store("wanted", signed(wanted, renew_in=0))
    waits.append(holdings.awaited)
    assert waits == [False, True, False]


def test_prefetch_stops_at_the_cache_size_and_waiting_workloads_do_not() -> None:
    holdings = Holdings(Bundle(OWN), cache_size=2)
    entries = [entry(f"e{number}", f"t:{number}") for number in range(5)]
    holdings.set_entries(entries)
    assert due(holdings) == ["e0", "e1"]
    holdings.store_all({one.id: signed(one) for one in entries[:2]})
    assert due(holdings) == []
    Subscriber(holdings, "t:4")
    assert due(holdings) == ["e4"]
    holdings.store("e4", signed(entries[4]))
    assert [one.id for one in entries if holdings.held(one.id)] == ["e1", "e4"]


def test_entries_without_prefetch_are_signed_on_demand(holdings: Holdings) -> None:
    holdings.set_entries([entry("a", "t:1", disable_x509_svid_prefetch=True)])
    assert due(holdings) == []
    Subscriber(holdings, "t:1")
    assert due(holdings) == ["a"]


def test_entries_for_an_svid_store_are_no_workloads(holdings: Holdings) -> None:
    holdings.set_entries([entry("a", "t:1", store_svid=True)])
    assert Subscriber(holdings, "t:1").ids == []
    assert due(holdings) == []


def test_a_tainted_root_makes_its_svids_due(holdings: Holdings, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = entry("a", "t:1"), entry("b", "t:1")
    holdings.set_entries([a, b])
    ours = {"a": signed(a), "b": signed(b)}
    holdings.store_all(ours)

    def under(svid: X509Svid, roots: BundleSet, now: datetime) -> bool:
        bundle = roots.get(OWN)
        assert bundle is not None
        assert bundle.x509_roots == (b"root",)
        return svid is ours["a"].svid

    monkeypatch.setattr(svids, "signed_under", under)
    holdings.set_bundles([Bundle(OWN, (replace(ROOT, tainted=True), X509Authority(b"next")))], NOW)
    assert holdings.tainted == {"a"}
    assert due(holdings) == ["a"]
    holdings.store("a", signed(a))
    assert due(holdings) == []


def test_an_entry_whose_svid_goes_to_a_store_leaves_its_workloads(holdings: Holdings) -> None:
    a = entry("a", "unix:uid:0")
    holdings.set_entries([a])
    caller = Subscriber(holdings, "unix:uid:0")
    holdings.store("a", signed(a))
    assert caller.ids == ["a"]
    holdings.set_entries([replace(a, store_svid=True, revision_number=1)])
    assert caller.ids == []
    assert holdings.matching(process("unix:uid:0")) == []


def test_a_root_that_went_without_a_taint_seen_makes_its_svids_due(
    holdings: Holdings, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = entry("a", "t:1")
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    monkeypatch.setattr(svids, "signed_under", lambda svid, roots, now: ROOT.der in roots.get(OWN).x509_roots)
    holdings.set_bundles([Bundle(OWN, (ROOT, X509Authority(b"next")))], NOW)
    assert due(holdings) == []
    holdings.set_bundles([Bundle(OWN, (X509Authority(b"next"),))], NOW)
    assert due(holdings) == ["a"]


def test_a_clock_that_was_ahead_for_a_while_makes_no_loop_of_renewals(holdings: Holdings) -> None:
    a = entry("a", "t:1")
    holdings.set_entries([a])
    holdings.store("a", signed(a))
    assert due(holdings, 24 * 3600) == ["a"]
    holdings.store("a", signed(a))
    assert due(holdings) == []
    assert holdings.next_renewal() == NOW.timestamp() + 1800
