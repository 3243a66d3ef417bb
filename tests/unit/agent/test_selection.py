"""Which entries apply to which selectors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from finial.agent.selection import SelectorIndex, without_repeated_hints
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

AGENT = SpiffeId.parse("spiffe://example.org/spire/agent/a")


def entry(entry_id: str, *selectors: str, hint: str = "", created_at: int = 0) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{entry_id}")
    chosen = tuple(Selector.parse(one) for one in selectors)
    return Entry(entry_id, spiffe_id, AGENT, chosen, hint=hint, created_at=created_at)


def process(*selectors: str) -> frozenset[Selector]:
    return frozenset(Selector.parse(one) for one in selectors)


def ids(entries: list[Entry]) -> list[str]:
    return [one.id for one in entries]


def test_an_entry_applies_if_the_process_has_all_of_its_selectors() -> None:
    index = SelectorIndex()
    for one in (entry("b", "unix:uid:0"), entry("a", "unix:uid:0", "unix:gid:0"), entry("c", "unix:uid:1")):
        index.put(one)
    assert ids(index.matching(process("unix:uid:0"))) == ["b"]
    assert ids(index.matching(process("unix:gid:0", "unix:uid:0", "unix:gid:5"))) == ["a", "b"]
    assert index.matching(process("unix:gid:0")) == []


def test_an_entry_without_selectors_applies_to_nobody() -> None:
    index = SelectorIndex()
    index.put(entry("a"))
    assert index.matching(process("unix:uid:0")) == []
    assert index.matching(frozenset()) == []


def test_a_replaced_entry_is_found_by_its_new_selectors_only() -> None:
    index = SelectorIndex()
    index.put(entry("a", "unix:uid:0"))
    index.put(entry("a", "unix:uid:1"))
    assert index.matching(process("unix:uid:0")) == []
    assert ids(index.matching(process("unix:uid:1"))) == ["a"]
    index.remove("a")
    index.remove("a")
    assert index.matching(process("unix:uid:1")) == []


NAMES = st.frozensets(st.sampled_from(["t:1", "t:2", "t:3", "t:4"]), max_size=4)


@given(st.lists(st.tuples(st.sampled_from("abcde"), NAMES), max_size=20), NAMES)
def test_the_index_answers_as_a_scan_does(
    puts: list[tuple[str, frozenset[str]]], has: frozenset[str]
) -> None:
    index, plain = SelectorIndex(), dict[str, Entry]()
    for name, selectors in puts:
        plain[name] = entry(name, *sorted(selectors))
        index.put(plain[name])
    wanted = process(*has)
    scanned = sorted(one.id for one in plain.values() if one.selectors and wanted.issuperset(one.selectors))
    assert ids(index.matching(wanted)) == scanned


def test_of_entries_with_one_hint_the_oldest_stays_then_the_smallest_id() -> None:
    given_entries = [
        entry("a", "t:1", hint="x", created_at=5),
        entry("b", "t:1", hint="x", created_at=3),
        entry("c", "t:1", hint="x", created_at=3),
        entry("d", "t:1"),
        entry("e", "t:1"),
        entry("f", "t:1", hint="y", created_at=9),
    ]
    assert ids(without_repeated_hints(given_entries)) == ["b", "d", "e", "f"]
