"""Who is missing; the streams are tests/playbooks/test_server_changes.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.registry.entry import Entry
from finial.runtime.grpc import GRPCError, Status
from finial.server.api.wait import missing_parent
from finial.server.authorized import AuthorizedIndex
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.server import Running, play
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub

DOMAIN = TrustDomain("example.org")


def at(path: str) -> SpiffeId:
    return SpiffeId(DOMAIN, path)


def index_of(*pairs: tuple[str, str]) -> AuthorizedIndex:
    index = AuthorizedIndex()
    for row, (path, parent) in enumerate(pairs):
        index.put_entry(Entry(path, at(path), at(parent), (Selector("a", "b"),)), row)
    return index


def test_the_highest_id_that_nothing_gives_is_missing() -> None:
    index = index_of(("/c", "/b"), ("/b", "/a"))
    assert missing_parent(index, at("/b")) == at("/a")
    assert missing_parent(index, at("/nowhere")) == at("/nowhere")


def test_a_node_alias_that_no_node_matches_is_missing() -> None:
    assert missing_parent(index_of(("/group", "/spire/server")), at("/group")) == at("/group")


def test_a_cycle_ends() -> None:
    assert missing_parent(index_of(("/a", "/b"), ("/b", "/a")), at("/a")) in (at("/a"), at("/b"))


def test_what_is_no_position_is_refused(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        with pytest.raises(GRPCError) as refusal:
            async with running.admin() as channel, ChangesStub(channel).Wait.open() as stream:
                await stream.send_message(change_pb2.WaitRequest(position=b"short"), end=True)
                await stream.recv_message()
        assert refusal.value.status is Status.INVALID_ARGUMENT

    play(tmp_path, scene)
