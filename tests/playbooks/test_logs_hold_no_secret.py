"""What server and agent log through a life, at every level: no key, no token, no selector at INFO."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from pathlib import Path

from finial.agent.connection import ServerAddress
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.server import TRUST_DOMAIN, Running, play, token
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import BatchCreateEntryRequest
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.server.svid.v1.svid_pb2 import MintJWTSVIDRequest
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

ALIAS = SPIFFEID(trust_domain="example.org", path="/node")
OWN = (Selector("unix", f"uid:{os.geteuid()}"),)
KEY_MATERIAL = re.compile(r"PRIVATE KEY|eyJ[A-Za-z0-9_-]{10,}\.")


def test_a_life_is_logged_without_a_secret(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        unused = await token(running)
        (tmp_path / "agent").mkdir()
        address = ServerAddress("127.0.0.1", running.server.port, TRUST_DOMAIN)
        bundle = running.server.follower.view.bundles[TRUST_DOMAIN]
        used = await token(running, agent_id=ALIAS)
        async with RunningAgent(tmp_path / "agent", address, bundle, used) as one:
            await one.serving()
            await live(running, one)
            everything = running.log.getvalue() + one.text.getvalue()
            async with one.workload_api() as api:
                key = (await api.fetch_x509()).default.key
        told = [line for line in everything.splitlines() if "level=debug" not in line]
        assert len(told) > 10
        assert not KEY_MATERIAL.search(everything)
        assert unused not in everything
        assert base64.b64encode(key).decode()[:40] not in everything
        assert key.hex()[:40] not in everything
        assert not [line for line in told if str(OWN[0]) in line]

    play(tmp_path, scene)


async def live(running: Running, agent: RunningAgent) -> None:
    """An entry, an X.509-SVID, two tokens, a denied call."""
    web = Entry(
        "web", SpiffeId.parse("spiffe://example.org/web"), SpiffeId.parse("spiffe://example.org/node"), OWN
    )
    async with running.admin() as channel:
        await EntryStub(channel).BatchCreateEntry(BatchCreateEntryRequest(entries=[entry_to_wire(web)]))
        minted = SPIFFEID(trust_domain="example.org", path="/minted")
        await SVIDStub(channel).MintJWTSVID(MintJWTSVIDRequest(id=minted, audience=["a"]))
    async with agent.workload_api() as api, asyncio.timeout(10):
        await api.fetch_x509()
        (fetched,) = await api.fetch_jwt("a")
        await api.validate_jwt(fetched.token, "a")
