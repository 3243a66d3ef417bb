"""Lifetimes of entries that a CA may cut short: stored as asked, told in the answer and in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from finial.registry.entry import Entry
from finial.runtime.grpc import Channel, unary_with_trailers
from finial.server.api.lifetimes import MOST, misfits
from finial.spiffe.id import SpiffeId
from finial.testing.server import Running, play
from finial.wire.metadata import WARNINGS
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.types import entry_pb2 as types

NODE, DAY = SpiffeId.parse("spiffe://example.org/node"), 86_400


def wire_entry(path: str, **fields: int) -> types.Entry:
    entry = types.Entry(id=path, **fields)  # type: ignore[arg-type]  # protobuf checks them
    entry.spiffe_id.trust_domain = entry.parent_id.trust_domain = "example.org"
    entry.spiffe_id.path, entry.parent_id.path = f"/{path}", "/node"
    entry.selectors.add(type="unix", value=f"uid:{path}")
    return entry


async def create(channel: Channel, *entries: types.Entry) -> tuple[list[types.Entry], list[str]]:
    """What was made, and the warnings."""
    request = entry_pb2.BatchCreateEntryRequest(entries=entries)
    answer, trailers = await unary_with_trailers(EntryStub(channel).BatchCreateEntry, request)
    assert [one.status.code for one in answer.results] == [0] * len(entries)
    told = trailers.get(WARNINGS, b"")
    assert isinstance(told, bytes)
    return [one.entry for one in answer.results], told.decode().splitlines()


def at_a_server(
    folder: Path, scene: Callable[[Running, Channel], Awaitable[None]], options: str = ""
) -> None:
    async def played(running: Running) -> None:
        async with running.admin() as channel:
            await scene(running, channel)

    play(folder, played, f'ca_ttl = "24h"\n{options}')


def test_only_what_an_entry_names_itself_is_judged() -> None:
    plain = Entry("e", SpiffeId.parse("spiffe://example.org/w"), NODE, ())
    assert list(misfits(plain, 60)) == []


def test_what_fits_is_not_spoken_of(tmp_path: Path) -> None:
    async def scene(_: Running, channel: Channel) -> None:
        assert (await create(channel, wire_entry("a", x509_svid_ttl=DAY // 6)))[1] == []

    at_a_server(tmp_path, scene)


def test_a_lifetime_that_may_be_cut_short_is_stored_and_told(tmp_path: Path) -> None:
    async def scene(running: Running, channel: Channel) -> None:
        made, told = await create(
            channel, wire_entry("a", x509_svid_ttl=DAY, jwt_svid_ttl=60), wire_entry("b")
        )
        assert [one.x509_svid_ttl for one in made] == [DAY, 0]
        assert told == [
            "entry a: x509_svid_ttl is too high for the configured ca_ttl value. SVIDs with shorter lifetimes may "
            "be issued. Please set x509_svid_ttl to 4h or less, or the ca_ttl to 144h or more, to guarantee the "
            "full x509_svid_ttl lifetime when CA rotations are scheduled."
        ]
        assert any("level=warning" in line and "entry_id=a" in line for line in running.lines)

    at_a_server(tmp_path, scene)


def test_an_update_is_told_of_too(tmp_path: Path) -> None:
    async def scene(_: Running, channel: Channel) -> None:
        await create(channel, wire_entry("a"))
        request = entry_pb2.BatchUpdateEntryRequest(entries=[wire_entry("a", jwt_svid_ttl=DAY)])
        trailers = (await unary_with_trailers(EntryStub(channel).BatchUpdateEntry, request))[1]
        told = trailers[WARNINGS]
        assert isinstance(told, bytes) and told.startswith(b"entry a: jwt_svid_ttl is too high")

    at_a_server(tmp_path, scene)


def test_an_answer_tells_no_more_than_metadata_can_hold(tmp_path: Path) -> None:
    async def scene(_: Running, channel: Channel) -> None:
        entries = [wire_entry(str(number), x509_svid_ttl=DAY) for number in range(MOST + 5)]
        told = (await create(channel, *entries))[1]
        assert len(told) == MOST + 1 and told[-1] == "5 more lifetimes are too high"

    at_a_server(tmp_path, scene)


def test_where_the_configuration_says_so_it_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    async def scene(_: Running, channel: Channel) -> None:
        api = EntryStub(channel)
        entries = [wire_entry("a", x509_svid_ttl=DAY), wire_entry("b")]
        made = await api.BatchCreateEntry(entry_pb2.BatchCreateEntryRequest(entries=entries))
        assert [one.status.code for one in made.results] == [3, 0]
        text = (
            "x509_svid_ttl of 24h does not fit a ca_ttl of 24h: set x509_svid_ttl to 4h or less, or ca_ttl to"
        )
        assert made.results[0].status.message == f"failed to create entry: {text} 144h or more"
        update = entry_pb2.BatchUpdateEntryRequest(entries=[wire_entry("b", jwt_svid_ttl=DAY)])
        assert [one.status.code for one in (await api.BatchUpdateEntry(update)).results] == [3]
        listed = await api.ListEntries(entry_pb2.ListEntriesRequest())
        assert [(one.id, one.jwt_svid_ttl) for one in listed.entries] == [("b", 0)]

    at_a_server(tmp_path, scene, 'unfit_ttl = "refuse"')
