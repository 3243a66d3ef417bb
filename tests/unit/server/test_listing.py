from __future__ import annotations

import tracemalloc

import pytest

from finial.errors import InvalidArgument
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.server.listing import AgentFilter, Behaviour, EntryFilter, Ordered, SetMatch, read_token
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

A1, A2, A3, B1 = (Selector.parse(text) for text in ("a:1", "a:2", "a:3", "b:1"))
OTHER, THIRD = TrustDomain("other.test"), TrustDomain("third.test")


def spiffe(path: str) -> SpiffeId:
    return SpiffeId.parse("spiffe://example.org" + path)


def entry(number: int, path: str, parent: str, *selectors: Selector, **more: object) -> Entry:
    return Entry(f"e{number}", spiffe(path), spiffe(parent), selectors, **more)  # type: ignore[arg-type]


# The five entries of the recorded filters.
ENTRIES = [
    entry(1, "/one", "/node", A1, hint="h1"),
    entry(2, "/two", "/node", A1, A2, federates_with=(OTHER,)),
    entry(3, "/two", "/node2", A1, A2, A3, federates_with=(OTHER, THIRD), downstream=True),
    entry(4, "/four", "/node2", B1, federates_with=(THIRD,), hint="h1"),
    entry(5, "/five", "/spire/agent/x", Selector("z", "9"), downstream=True),
]


def matching(wanted: EntryFilter) -> list[str]:
    return [one.id for one in ENTRIES if wanted.accepts(one)]


@pytest.mark.parametrize(
    ("behaviour", "selectors", "ids"),
    [
        (Behaviour.EXACT, {A1}, ["e1"]),
        (Behaviour.EXACT, {A1, A2}, ["e2"]),
        (Behaviour.EXACT, {A1, A2, A3, B1}, []),
        (Behaviour.SUBSET, {A1}, ["e1"]),
        (Behaviour.SUBSET, {A1, A2}, ["e1", "e2"]),
        (Behaviour.SUBSET, {A1, A2, A3, B1}, ["e1", "e2", "e3", "e4"]),
        (Behaviour.SUPERSET, {A1}, ["e1", "e2", "e3"]),
        (Behaviour.SUPERSET, {A1, A2}, ["e2", "e3"]),
        (Behaviour.SUPERSET, {A1, A2, A3, B1}, []),
        (Behaviour.ANY, {A1, B1}, ["e1", "e2", "e3", "e4"]),
        (Behaviour.ANY, {Selector("z", "1")}, []),
    ],
)
def test_selectors_match_as_recorded(behaviour: Behaviour, selectors: set[Selector], ids: list[str]) -> None:
    assert matching(EntryFilter(selectors=SetMatch(frozenset(selectors), behaviour))) == ids


@pytest.mark.parametrize(
    ("behaviour", "domains", "ids"),
    [
        (Behaviour.EXACT, {OTHER}, ["e2"]),
        (Behaviour.EXACT, {OTHER, THIRD}, ["e3"]),
        (Behaviour.SUBSET, {OTHER, THIRD}, ["e2", "e3", "e4"]),
        (Behaviour.SUPERSET, {OTHER}, ["e2", "e3"]),
        (Behaviour.ANY, {OTHER, THIRD}, ["e2", "e3", "e4"]),
    ],
)
def test_an_entry_that_federates_with_nobody_is_no_subset(
    behaviour: Behaviour, domains: set[TrustDomain], ids: list[str]
) -> None:
    assert matching(EntryFilter(federates_with=SetMatch(frozenset(domains), behaviour))) == ids


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (EntryFilter(), ["e1", "e2", "e3", "e4", "e5"]),
        (EntryFilter(spiffe_id=spiffe("/two")), ["e2", "e3"]),
        (EntryFilter(parent_id=spiffe("/node")), ["e1", "e2"]),
        (EntryFilter(hint="h1"), ["e1", "e4"]),
        (EntryFilter(downstream=True), ["e3", "e5"]),
        (EntryFilter(parent_id=spiffe("/node2"), downstream=True), ["e3"]),
    ],
)
def test_entry_filters_all_hold(wanted: EntryFilter, ids: list[str]) -> None:
    assert matching(wanted) == ids


@pytest.mark.parametrize(
    ("wanted", "accepted"),
    [
        (AgentFilter(), True),
        (AgentFilter(attestation_type="join_token"), True),
        (AgentFilter(attestation_type="nope"), False),
        (AgentFilter(banned=False), True),
        (AgentFilter(banned=True), False),
        (AgentFilter(can_reattest=True), False),
        (AgentFilter(expires_before=101), True),
        (AgentFilter(expires_before=100), False),
        (AgentFilter(selectors=SetMatch(frozenset({A1}), Behaviour.EXACT)), True),
    ],
)
def test_agent_filters(wanted: AgentFilter, accepted: bool) -> None:
    agent = Agent(spiffe("/spire/agent/join_token/t"), "join_token", "1", 100, selectors=(A1,))
    assert wanted.accepts(agent) is accepted


def rows(*numbers: int) -> Ordered[str, str]:
    ordered: Ordered[str, str] = Ordered()
    for number in numbers:
        ordered.put(f"k{number}", f"v{number}", number)
    return ordered


def test_filled_at_once_is_as_put_one_by_one() -> None:
    one_by_one: Ordered[str, str] = Ordered()
    at_once: Ordered[str, str] = Ordered()
    given = [(2, "b"), (5, "e"), (9, "c")]
    for row, value in given:
        one_by_one.put(f"key {value}", value, row)
    at_once.fill(given, "key {}".format)
    for ordered in (one_by_one, at_once):
        ordered.put("key e", "e", 1)
        ordered.drop("key b")
        assert list(ordered.values()) == ["e", "c"]
        assert (ordered.row("key e"), ordered.get("key b"), len(ordered)) == (1, None, 2)


def everything(_: str) -> bool:
    return True


def test_pages_are_in_the_order_of_rows_and_end_with_an_empty_one() -> None:
    ordered = rows(50, 10, 40, 20, 30)
    first = ordered.page(everything, size=2)
    assert (first.values, first.next_token) == (["v10", "v20"], "20")
    second = ordered.page(everything, size=2, token="20")
    assert (second.values, second.next_token) == (["v30", "v40"], "40")
    last = ordered.page(everything, size=2, token="40")
    assert (last.values, last.next_token) == (["v50"], "50")
    assert ordered.page(everything, size=2, token="50").next_token == ""


def test_a_token_holds_when_its_row_is_gone() -> None:
    ordered = rows(1, 2, 3)
    ordered.drop("k2")
    assert ordered.page(everything, size=2, token="2").values == ["v3"]


def test_without_a_size_all_is_answered_and_a_token_ignored() -> None:
    page = rows(1, 2).page(everything, token="1")
    assert (page.values, page.next_token) == (["v1", "v2"], "")


def test_a_page_may_be_narrowed_to_what_an_index_knows() -> None:
    ordered = rows(1, 2, 3, 4)
    page = ordered.page(everything, size=1, token="1", among=["k4", "k3", "k1", "gone"])
    assert (page.values, page.next_token) == (["v3"], "3")


def test_a_dropped_value_is_forgotten_and_a_changed_one_keeps_its_place() -> None:
    ordered = rows(1, 2, 3)
    ordered.drop("k2")
    ordered.drop("k2")
    ordered.put("k1", "changed", 1)
    assert list(ordered.values()) == ["changed", "v3"]
    assert "k2" not in ordered
    assert len(ordered) == 2
    assert ordered.get("k1") == "changed"
    assert (ordered.row("k1"), ordered.row("k2")) == (1, None)


def test_a_value_that_came_back_in_another_row_moves() -> None:
    ordered = rows(1, 2)
    ordered.put("k1", "v1", 3)
    assert list(ordered.values()) == ["v2", "v1"]


def test_two_keys_in_one_row_are_kept_apart() -> None:
    ordered = rows(1, 2, 3)
    ordered.put("new", "new", 2)
    ordered.put("k2", "v2", 4)
    assert list(ordered.values()) == ["v1", "new", "v3", "v2"]


@pytest.mark.parametrize("token", ["abc", "-1", "99999999999", "1.0", "\u0661"])
def test_a_bad_token_is_named(token: str) -> None:
    with pytest.raises(InvalidArgument, match="could not parse token"):
        read_token(token)


def test_a_token_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        read_token("9" * 5000)


def test_a_page_of_billions_costs_what_is_there() -> None:
    rows: Ordered[str, str] = Ordered()
    rows.put("a", "one", 7)
    tracemalloc.start()
    try:
        page = rows.page(lambda _: True, size=2**31 - 1)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert (page.values, page.next_token) == (["one"], "7")
