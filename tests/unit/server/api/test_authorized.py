"""What an agent is given, in pages: `entry-authorized.txt`, `entry-sync-paged.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.errors import InvalidArgument
from finial.registry.entry import Entry
from finial.runtime.grpc import GRPCError, Status
from finial.server.api.authorized import (
    KEPT_MASKS,
    Pages,
    Response,
    entry_pages,
    requested_pages,
    revision_pages,
    sync_mask,
)
from finial.server.authorized import Answer
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.server import Running, attest, play
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2 as api
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import entry_pb2

DOMAIN = TrustDomain("example.org")


def answer_of(count: int) -> Answer:
    entries = {}
    for number in range(count):
        name = f"w{number:04}"
        parent = SpiffeId(DOMAIN, "/spire/agent/t/1")
        entries[name] = Entry(
            name, SpiffeId(DOMAIN, f"/{name}"), parent, (Selector("a", name),), created_at=5
        )
    return Answer(entries)


def read(pages: Pages) -> list[Response]:
    return [Response.FromString(page) for page in pages]


def shape(pages: Pages) -> list[tuple[int, int, bool]]:
    return [(len(page.entry_revisions), len(page.entries), page.more) for page in read(pages)]


def test_revisions_come_in_pages_of_500() -> None:
    pages = revision_pages(answer_of(1001))
    assert shape(pages) == [(500, 0, True), (500, 0, True), (1, 0, False)]
    first = read(pages)[0].entry_revisions[0]
    assert (first.id, first.created_at) == ("w0000", 5)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["w0001"], [(0, 1, False)]),
        ([f"w{number:04}" for number in range(1001)], [(0, 500, True), (0, 500, True), (0, 1, False)]),
        ([f"w{number:04}" for number in range(500)], [(0, 500, False)]),
        ([f"w{number:04}" for number in range(501)], [(0, 500, True), (0, 1, False)]),
        (["unknown"], [(0, 0, False)]),
        ([], [(0, 0, False)]),
        (["w0001", "w0001"], [(0, 1, False)]),
    ],
)
def test_requested_entries_come_in_pages_the_last_one_marked(
    ids: list[str], expected: list[tuple[int, int, bool]]
) -> None:
    assert shape(requested_pages(answer_of(1001), ids, ())) == expected


def test_hidden_fields_are_not_sent_and_each_mask_is_kept_apart() -> None:
    answer = answer_of(1)
    assert read(entry_pages(answer, ()))[0].entries[0].HasField("parent_id")
    assert not read(entry_pages(answer, ("parent_id",)))[0].entries[0].HasField("parent_id")
    assert len(answer.encoded) == 2


def test_an_agent_that_varies_its_mask_fills_no_memory() -> None:
    answer = answer_of(3)
    names = [one.name for one in entry_pb2.EntryMask.DESCRIPTOR.fields]
    for name in names:
        assert len(read(entry_pages(answer, (name,)))[0].entries) == 3
    assert len(answer.encoded) == KEPT_MASKS


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (api.SyncAuthorizedEntriesRequest(ids=["x"]), "specifying IDs on initial request is not supported"),
        (
            api.SyncAuthorizedEntriesRequest(output_mask=entry_pb2.EntryMask(spiffe_id=True)),
            "revision number cannot be masked",
        ),
    ],
)
def test_a_first_request_that_no_sync_begins_with_is_refused(
    request_: api.SyncAuthorizedEntriesRequest, why: str
) -> None:
    with pytest.raises(InvalidArgument, match=why):
        sync_mask(request_)


def test_a_sync_that_ends_before_it_began_is_unknown(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        with pytest.raises(GRPCError) as refusal:
            async with (
                running.remote(agent) as channel,
                EntryStub(channel).SyncAuthorizedEntries.open() as stream,
            ):
                await stream.send_request()
                await stream.end()
                await stream.recv_message()
        assert (refusal.value.status, refusal.value.message) == (Status.UNKNOWN, "EOF")

    play(tmp_path, scene)
