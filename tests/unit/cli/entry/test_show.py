from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.cli.entry.show import CountFlags, count_filter, list_filter
from finial.errors import InvalidArgument
from finial.testing.transcripts import Outcome
from finial.wire.pb.spire.api.types.federateswith_pb2 import FederatesWithMatch
from finial.wire.pb.spire.api.types.selector_pb2 import SelectorMatch

Call = Callable[..., Outcome]
EVERYTHING = CountFlags(
    parent_id="spiffe://a/node",
    spiffe_id="spiffe://a/web",
    selectors=("unix:uid:1",),
    match_selectors_on="any",
    federates_with=("b.test",),
    match_federates_with_on="exact",
    downstream=True,
    hint="h",
)


def test_no_flags_ask_for_everything() -> None:
    assert list_filter(CountFlags()).ByteSize() == 0


def test_each_flag_is_a_filter() -> None:
    wanted = list_filter(EVERYTHING)
    assert wanted.by_parent_id.path == "/node"
    assert wanted.by_spiffe_id.path == "/web"
    assert wanted.by_selectors.match == SelectorMatch.MATCH_ANY
    assert wanted.by_federates_with.match == FederatesWithMatch.MATCH_EXACT
    assert wanted.by_downstream.value
    assert wanted.by_hint.value == "h"


def test_entries_are_counted_by_the_same_filter_as_they_are_shown() -> None:
    wanted = list_filter(EVERYTHING)
    counted = count_filter(wanted)
    assert {field.name for field, _ in counted.ListFields()} == {
        field.name for field, _ in wanted.ListFields()
    }


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (CountFlags(selectors=("a:b",), match_selectors_on="nope"), 'match behavior "nope" unknown'),
        (
            CountFlags(selectors=("a",)),
            'error parsing selectors: selector "a" must be formatted as type:value',
        ),
        (CountFlags(parent_id="bad"), 'error parsing parent ID "bad": scheme is missing or invalid'),
        (CountFlags(spiffe_id="bad"), 'error parsing SPIFFE ID "bad": scheme is missing or invalid'),
    ],
)
def test_bad_filters_are_told_in_the_words_of_spire(flags: CountFlags, why: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        list_filter(flags)
    assert caught.value.message == why


def test_one_entry_is_not_filtered(call: Call) -> None:
    got = call("entry", "show", "-entryID", "a", "-spiffeID", "spiffe://a/b", program="spire-server")
    assert got == Outcome(1, "", "Error: the -entryID flag can't be combined with others\n")
