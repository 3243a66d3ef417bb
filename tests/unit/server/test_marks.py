from __future__ import annotations

from finial.server.marks import MAX_SIGNED, Marks
from finial.spiffe.id import SpiffeId
from finial.store import Position
from finial.testing.clock import VirtualClock

AGENT = SpiffeId.parse("spiffe://example.org/spire/agent/t/1")
ENTRY = frozenset({"e"})


def at(number: int) -> Position:
    return Position(b"e" * 16, number)


class Index:
    position = at(1)


def marks_of(index: Index) -> Marks:
    return Marks(VirtualClock(), lambda: index.position)


def test_entries_and_bundle_after_the_change_are_a_delivery() -> None:
    index = Index()
    marks = marks_of(index)
    index.position = at(5)
    marks.fetched_entries(AGENT)
    mark = marks.seen(AGENT)
    assert not mark.is_delivered(at(5), ENTRY)
    marks.fetched_bundle(AGENT)
    assert mark.is_delivered(at(5), ENTRY)
    assert not mark.is_delivered(at(6), ENTRY)


def test_a_signature_for_that_very_entry_is_a_delivery() -> None:
    marks = marks_of(Index())
    marks.signed(AGENT, ["other"])
    assert not marks.seen(AGENT).is_delivered(at(1), ENTRY)
    marks.signed(AGENT, ["e"])
    assert marks.seen(AGENT).is_delivered(at(1), ENTRY)
    assert not marks.seen(AGENT).is_delivered(at(1), frozenset({"e", "f"}))


def test_a_position_of_another_history_is_no_delivery() -> None:
    marks = marks_of(Index())
    marks.signed(AGENT, ["e"])
    assert not marks.seen(AGENT).is_delivered(Position(b"x" * 16, 1), ENTRY)


def test_listeners_hear_of_each_step_until_they_leave() -> None:
    marks = marks_of(Index())
    heard: list[SpiffeId] = []
    leave = marks.subscribe(heard.append)
    marks.acknowledged(AGENT)
    leave()
    marks.acknowledged(AGENT)
    assert heard == [AGENT]


def test_an_agent_is_forgotten() -> None:
    marks = marks_of(Index())
    marks.seen(AGENT)
    marks.forget([AGENT])
    assert marks.get(AGENT) is None


def test_signatures_that_a_later_fetch_covers_are_let_go() -> None:
    index = Index()
    marks = marks_of(index)
    marks.signed(AGENT, ["e"])
    index.position = at(5)
    marks.fetched_entries(AGENT)
    assert marks.seen(AGENT).is_delivered(at(1), ENTRY)
    marks.fetched_bundle(AGENT)
    assert marks.seen(AGENT).signed == {}
    assert marks.seen(AGENT).is_delivered(at(1), ENTRY)


def test_the_oldest_signatures_are_let_go_where_nothing_is_fetched() -> None:
    marks = marks_of(Index())
    marks.signed(AGENT, (str(number) for number in range(MAX_SIGNED)))
    marks.signed(AGENT, ["0", "new"])
    signed = marks.seen(AGENT).signed
    assert len(signed) == MAX_SIGNED
    assert "1" not in signed
    assert {"0", "2", "new"} <= signed.keys()
