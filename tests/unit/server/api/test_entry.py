"""Entries by operators: answers, codes and texts as recorded from SPIRE 1.15.3 (`entry-*.txt`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import Channel, GRPCError, unary, unary_with_trailers
from finial.testing.server import Running, play
from finial.wire.metadata import POSITION
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2 as api
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import entry_pb2, spiffeid_pb2


def spiffe(path: str, domain: str = "example.org") -> spiffeid_pb2.SPIFFEID:
    return spiffeid_pb2.SPIFFEID(trust_domain=domain, path=path)


def entry(path: str = "/one", **fields: object) -> entry_pb2.Entry:
    message = entry_pb2.Entry(spiffe_id=spiffe(path), parent_id=spiffe("/node"))
    message.selectors.add(type="unix", value="uid:1000")
    message.MergeFrom(entry_pb2.Entry(**fields))  # type: ignore[arg-type]
    return message


async def create(channel: Channel, *entries: entry_pb2.Entry) -> list[tuple[int, str, str]]:
    """Code, text and entry ID of each item."""
    answer = await unary(EntryStub(channel).BatchCreateEntry, api.BatchCreateEntryRequest(entries=entries))
    return [(one.status.code, one.status.message, one.entry.id) for one in answer.results]


def test_a_similar_entry_is_answered_with_the_one_that_is_there(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            ((code, text, made),) = await create(channel, entry())
            assert (code, text) == (0, "OK")
            assert await create(channel, entry(x509_svid_ttl=99)) == [
                (6, "similar entry already exists", made)
            ]

    play(tmp_path, scene)


def test_each_item_of_a_batch_has_its_own_answer(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        foreign = entry()
        foreign.spiffe_id.CopyFrom(spiffe("/x", "other.test"))
        nobody = entry("/fed")
        nobody.federates_with.append("nobody.test")
        async with running.admin() as channel:
            done = await create(
                channel, entry("/good"), entry_pb2.Entry(), foreign, nobody, entry("/n", x509_svid_ttl=-1)
            )
        refused = [line for line in running.lines if "Invalid argument: failed to convert entry" in line]
        assert len(refused) == 2
        assert 'error="invalid parent ID: request must specify SPIFFE ID"' in refused[0]
        assert [one[:2] for one in done] == [
            (0, "OK"),
            (3, "failed to convert entry: invalid parent ID: request must specify SPIFFE ID"),
            (
                3,
                'failed to convert entry: invalid spiffe ID: "spiffe://other.test/x" is not a member of trust '
                'domain "example.org"',
            ),
            (13, 'failed to create entry: unable to find federated bundle "spiffe://nobody.test"'),
            (
                3,
                "failed to create entry: datastore-validation: invalid registration entry: X509SvidTtl is not set",
            ),
        ]

    play(tmp_path, scene)


def test_an_update_sets_what_the_mask_selects_and_counts_up(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await create(channel, entry(id="e1", hint="old"))
            request = api.BatchUpdateEntryRequest(
                entries=[entry_pb2.Entry(id="e1", hint="new"), entry_pb2.Entry(id="nope", hint="x")],
                input_mask=entry_pb2.EntryMask(hint=True),
            )
            answer = await unary(EntryStub(channel).BatchUpdateEntry, request)
        good, unknown = answer.results
        assert (good.entry.hint, good.entry.revision_number, good.entry.spiffe_id.path) == ("new", 1, "/one")
        assert (unknown.status.code, unknown.status.message) == (5, "failed to update entry")

    play(tmp_path, scene)


def test_an_update_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await create(channel, entry(id="e1"))
            request = api.BatchUpdateEntryRequest(
                entries=[entry_pb2.Entry(id="e1")], input_mask=entry_pb2.EntryMask(selectors=True)
            )
            answer = await unary(EntryStub(channel).BatchUpdateEntry, request)
            (result,) = answer.results
            assert result.status.message == "failed to convert entry: selector list is empty"
            found = await unary(EntryStub(channel).GetEntry, api.GetEntryRequest(id="e1"))
            assert found.revision_number == 0

    play(tmp_path, scene)


def test_deletes_answer_item_by_item(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await create(channel, entry(id="e1"))
            request = api.BatchDeleteEntryRequest(ids=["e1", "", "nope", "e1"])
            answer = await unary(EntryStub(channel).BatchDeleteEntry, request)
        assert [(one.status.code, one.status.message) for one in answer.results] == [
            (0, "OK"),
            (3, "missing entry ID"),
            (5, "entry not found"),
            (5, "entry not found"),
        ]

    play(tmp_path, scene)


def test_lists_come_in_pages_with_a_mask(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await create(channel, *(entry(f"/w{number}", id=f"e{number}") for number in range(3)))
            stub = EntryStub(channel)
            mask = entry_pb2.EntryMask()
            first = await unary(stub.ListEntries, api.ListEntriesRequest(page_size=2, output_mask=mask))
            assert [one.id for one in first.entries] == ["e0", "e1"]
            assert not first.entries[0].HasField("spiffe_id")
            last = await unary(
                stub.ListEntries,
                api.ListEntriesRequest(page_size=2, page_token=first.next_page_token, output_mask=mask),
            )
            assert [one.id for one in last.entries] == ["e2"]
            empty = await unary(
                stub.ListEntries, api.ListEntriesRequest(page_size=2, page_token=last.next_page_token)
            )
            assert (len(empty.entries), empty.next_page_token) == (0, "")
            counted = await unary(stub.CountEntries, api.CountEntriesRequest())
            assert counted.count == 3

    play(tmp_path, scene)


def test_a_bad_token_is_internal_in_the_datastores_words(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            with pytest.raises(GRPCError) as refusal:
                request = api.ListEntriesRequest(page_size=2, page_token="abc")
                await unary(EntryStub(channel).ListEntries, request)
        assert refusal.value.message == (
            "failed to list entries: datastore-sql: rpc error: code = InvalidArgument desc = "
            "could not parse token 'abc'"
        )

    play(tmp_path, scene)


def test_what_is_created_is_listed_at_once_and_the_answer_carries_its_position(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = EntryStub(channel)
            for number in range(20):
                request = api.BatchCreateEntryRequest(entries=[entry(f"/w{number}")])
                _, trailers = await unary_with_trailers(stub.BatchCreateEntry, request)
                assert trailers[POSITION] == running.server.follower.position.encode()
                assert (await unary(stub.CountEntries, api.CountEntriesRequest())).count == number + 1

    play(tmp_path, scene)


def test_each_item_is_audited(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await create(channel, entry(id="e1"), entry_pb2.Entry())
        audited = [line for line in running.lines if "type=audit" in line]
        assert len(audited) == 2
        assert "entry_id=e1" in audited[0]
        assert "status=success" in audited[0]
        assert 'selectors="unix:uid:1000"' in audited[0]
        assert "status_code=InvalidArgument" in audited[1]

    play(tmp_path, scene, "audit_log_enabled = true")
