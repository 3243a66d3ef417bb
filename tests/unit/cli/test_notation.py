from __future__ import annotations

import pytest

from finial.cli.notation import MATCHES, id_text, match_name, read_id, read_selector, time_text
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.selector_pb2 import SelectorMatch


def test_selectors_split_at_the_first_colon() -> None:
    selector = read_selector("unix:user:root")
    assert (selector.type, selector.value) == ("unix", "user:root")
    assert read_selector(":v").type == ""  # for the server to refuse
    with pytest.raises(InvalidArgument, match='selector "nocolon" must be formatted as type:value'):
        read_selector("nocolon")


def test_ids_go_both_ways() -> None:
    assert id_text(read_id("spiffe://example.org/a")) == "spiffe://example.org/a"
    assert id_text(Entry().parent_id) == "spiffe://"
    with pytest.raises(InvalidArgument):
        read_id("example.org/a")


def test_times_are_those_of_go() -> None:
    assert time_text(0) == "1970-01-01 00:00:00 +0000 UTC"


def test_a_time_beyond_all_calendars_is_shown_as_it_is() -> None:
    assert time_text(2**62) == "4611686018427387904 (Unix seconds)"


def test_each_way_to_match_has_a_value_of_the_enum() -> None:
    for one in MATCHES:
        assert SelectorMatch.MatchBehavior.Value(match_name(one)) >= 0
    with pytest.raises(InvalidArgument, match='^match behavior "nope" unknown$'):
        match_name("nope")
