"""Lists in pages, and the slots of authorities."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.console.readings import Authority
from finial.console.sources import listed as listed_module
from finial.console.sources.listed import Listed, authorities, slots
from finial.registry.entry import Entry
from finial.runtime.grpc import unary
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.server import TRUST_DOMAIN, Running, attest, play
from finial.wire.client import ServerApi
from finial.wire.convert.bundle import bundle_to_wire
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2


def test_everything_is_listed_over_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed_module, "PAGE", 2)

    async def scene(running: Running) -> None:
        agents = {(await attest(running)).id for _ in range(3)}
        parent = next(iter(agents))
        made = [
            Entry(str(n), SpiffeId.of(TRUST_DOMAIN, f"/{n}"), parent, (Selector("t", "1"),)) for n in range(5)
        ]
        others = [Bundle(TrustDomain(f"{name}.test")) for name in "abc"]
        async with ServerApi.at(str(running.server.socket_path)) as api:
            request = entry_pb2.BatchCreateEntryRequest(entries=[entry_to_wire(one) for one in made])
            await unary(api.entry.BatchCreateEntry, request)
            foreign = bundle_pb2.BatchSetFederatedBundleRequest(
                bundle=[bundle_to_wire(one) for one in others]
            )
            await unary(api.bundle.BatchSetFederatedBundle, foreign)
            listed = Listed(api)
            assert {one.id async for one in listed.entries()} == {str(n) for n in range(5)}
            assert {one.id async for one in listed.agents()} == agents
            assert {one.trust_domain.name async for one in listed.federated()} == {
                "a.test",
                "b.test",
                "c.test",
            }
            assert await listed.counts() == (5, 3)
            assert (await listed.bundle()).trust_domain == TRUST_DOMAIN
            assert (await listed.entry("1")).spiffe_id == SpiffeId.of(TRUST_DOMAIN, "/1")
            assert (await listed.agent(parent)).id == parent
            x509, jwt = await authorities(api)
            assert [one.slot for one in x509] == [one.slot for one in jwt] == ["active"]

    play(tmp_path, scene)


def test_slots_that_are_empty_are_left_out() -> None:
    state = localauthority_pb2.AuthorityState(authority_id="ab", expires_at=7)
    told = localauthority_pb2.GetX509AuthorityStateResponse(active=state, old=state)
    assert slots(told) == (Authority("ab", "active", 7.0), Authority("ab", "old", 7.0))
