"""Changes and how long they took."""

from __future__ import annotations

from finial.console.readings import ChangeReading, ServerReading
from finial.console.views.changes import CROWD, change_rows, lag
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector

NOW = 1_800_000_000.0
WEB = Entry(
    "web", SpiffeId.parse("spiffe://a.test/web"), SpiffeId.parse("spiffe://a.test/p"), (Selector("t", "1"),)
)


def change(number: int, concerned: int = 1, arrived: int = 1, last: float = 0.05) -> ChangeReading:
    return ChangeReading(
        bytes([number]),
        NOW + number,
        (("entry", "web"), ("entry", "gone")),
        authors=(("uid 0", "BatchCreateEntry"), ("uid 0", "BatchDeleteEntry")),
        concerned=concerned,
        arrived=arrived,
        median_arrival=last / 2,
        last_arrival=last,
    )


def server(*changes: ChangeReading) -> ServerReading:
    return ServerReading(own=True, at=NOW, entries={"web": WEB}, changes=changes)


def test_rows_come_newest_first_with_names_a_person_knows() -> None:
    newest, oldest = change_rows(server(change(1), change(2)), 10)
    assert (newest.position, oldest.position) == ("02", "01")
    assert [thing.name for thing in newest.things] == ["spiffe://a.test/web", "gone"]
    assert (newest.by, newest.methods) == (["uid 0"], ["BatchCreateEntry", "BatchDeleteEntry"])


def test_a_change_that_nobody_has_yet_has_no_times() -> None:
    [row] = change_rows(server(change(1, arrived=0)), 10)
    assert (row.median, row.last) == (None, None)


def test_the_lag_is_of_changes_that_arrived_and_are_no_crowd() -> None:
    changes = [change(number, last=number / 100) for number in range(1, 101)]
    told = lag(server(change(0, concerned=0, arrived=0), change(0, concerned=CROWD + 1), *changes), NOW)
    assert (told.kind, told.changes) == ("measured", 100)
    assert (told.p99, told.worst) == (1.0, 1.0)
    assert told.median == 0.2525
    assert len(told.points) == 100


def test_without_a_change_there_is_no_figure() -> None:
    told = lag(ServerReading(), NOW)
    assert (told.kind, told.changes, told.median, told.p99) == ("not told", 0, None, None)
