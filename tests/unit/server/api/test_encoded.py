from __future__ import annotations

from dataclasses import replace

import pytest

from finial.registry.entry import Entry
from finial.server.api import encoded
from finial.server.api.encoded import EncodedEntries
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import ListEntriesResponse

PARENT = SpiffeId.parse("spiffe://example.org/host")


def entry(name: str, dns_names: tuple[str, ...] = ()) -> Entry:
    spiffe_id = SpiffeId.parse(f"spiffe://example.org/{name}")
    return Entry(name, spiffe_id, PARENT, (Selector("unix", "uid:1"),), dns_names=dns_names)


def converted(*entries: Entry, token: str = "") -> ListEntriesResponse:
    return ListEntriesResponse(entries=[entry_to_wire(one) for one in entries], next_page_token=token)


@pytest.mark.parametrize("names", [0, 1, 10, 1000])
def test_a_response_from_ready_bytes_is_the_converted_one(names: int) -> None:
    """Also for messages whose length takes two and three bytes."""
    kept = EncodedEntries()
    entries = [entry("a"), entry("b", tuple(f"name-{number}.example" for number in range(names)))]
    for _ in range(2):
        assert kept.response(entries, "7") == converted(*entries, token="7")


def test_a_page_without_entries_is_empty() -> None:
    assert EncodedEntries().response([], "") == ListEntriesResponse()


def test_a_changed_entry_is_told_as_it_is_now() -> None:
    kept, before = EncodedEntries(), entry("a")
    kept.response([before], "")
    after = replace(before, hint="new", revision_number=1)
    assert kept.response([after], "") == converted(after)


def test_an_entry_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, one = EncodedEntries(), entry("a")
    expected = kept.response([one], "")
    monkeypatch.setattr(encoded, "entry_to_wire", None)
    assert kept.response([one], "") == expected


def test_it_keeps_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "MOST", 2)
    kept, entries = EncodedEntries(), [entry("a"), entry("b"), entry("c")]
    assert kept.response(entries, "") == converted(*entries)
    assert len(kept._kept) == 1
