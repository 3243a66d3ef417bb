"""Signing: `svid.txt`, `svid-disabled.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, Status, unary
from finial.spiffe.id import SpiffeId
from finial.svid import csr, jwt
from finial.testing.server import TRUST_DOMAIN, Identity, Running, attest, new_key, play
from finial.wire.convert.id import id_to_wire
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2 as api
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2

PLAIN = SpiffeId(TRUST_DOMAIN, "/plain")


async def agent_with_entry(running: Running) -> Identity:
    agent = await attest(running)
    entry = types_pb2.Entry(id="plain", spiffe_id=id_to_wire(PLAIN), parent_id=id_to_wire(agent.id))
    entry.selectors.add(type="a", value="b")
    async with running.admin() as channel:
        await unary(EntryStub(channel).BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=[entry]))
    return agent


def broken(request: bytes) -> bytes:
    """The last byte of its signature is another."""
    return request[:-1] + bytes([request[-1] ^ 1])


def test_each_item_of_a_batch_has_its_answer_in_its_place(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await agent_with_entry(running)
        good = csr.create(new_key())
        params = [
            api.NewX509SVIDParams(entry_id="plain", csr=good),
            api.NewX509SVIDParams(entry_id="nope", csr=good),
            api.NewX509SVIDParams(csr=good),
            api.NewX509SVIDParams(entry_id="plain"),
            api.NewX509SVIDParams(entry_id="plain", csr=b"nope"),
            api.NewX509SVIDParams(entry_id="plain", csr=broken(good)),
            api.NewX509SVIDParams(entry_id="plain", csr=good),
        ]
        async with running.remote(agent) as channel:
            request = api.BatchNewX509SVIDRequest(params=params)
            results = (await unary(SVIDStub(channel).BatchNewX509SVID, request)).results
        assert [one.status.code for one in results] == [0, 5, 3, 3, 3, 3, 0]
        texts = [one.status.message for one in results]
        assert texts[0] == "OK"
        assert texts[1] == "entry not found or not authorized"
        assert texts[2:4] == ["missing entry ID", "missing CSR"]
        assert texts[4].startswith("malformed CSR: ")
        assert texts[5] == "invalid CSR signature: x509: ECDSA verification failure"
        assert x509_svid_from_wire(results[6].svid).id == PLAIN

    play(tmp_path, scene)


def test_more_than_500_at_once_are_refused_as_a_whole(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await agent_with_entry(running)
        request = api.BatchNewX509SVIDRequest(params=[api.NewX509SVIDParams(entry_id="x", csr=b"x")] * 501)
        async with running.remote(agent) as channel:
            with pytest.raises(GRPCError) as refusal:
                await unary(SVIDStub(channel).BatchNewX509SVID, request)
        assert refusal.value.status is Status.RESOURCE_EXHAUSTED
        assert refusal.value.message == (
            "rejecting request due to certificate signing rate limiting: rate (501) exceeds burst size (500)"
        )

    play(tmp_path, scene)


def test_tokens_are_for_entries_that_are_held(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await agent_with_entry(running)
        async with running.remote(agent) as channel:
            stub = SVIDStub(channel)
            answer = await unary(
                stub.NewJWTSVID, api.NewJWTSVIDRequest(entry_id="plain", audience=["b", "a"])
            )
            token = jwt.parse_unverified(answer.svid.token)
            assert (token.id, token.audience) == (PLAIN, ("b", "a"))
            assert answer.svid.expires_at - answer.svid.issued_at == 300
            with pytest.raises(GRPCError, match="entry not found or not authorized"):
                await unary(stub.NewJWTSVID, api.NewJWTSVIDRequest(entry_id="nope", audience=["a"]))
            with pytest.raises(GRPCError, match="at least one audience is required"):
                await unary(stub.NewJWTSVID, api.NewJWTSVIDRequest(entry_id="plain"))

    play(tmp_path, scene)


def test_operators_mint_what_they_ask_for(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = SVIDStub(channel)
            request = csr.create(new_key(), PLAIN, dns_names=["b.test"])
            minted = await unary(stub.MintX509SVID, api.MintX509SVIDRequest(csr=request, ttl=60))
            svid = x509_svid_from_wire(minted.svid)
            assert svid.id == PLAIN
            assert (svid.not_after - svid.not_before).total_seconds() == 70
            token = await unary(
                stub.MintJWTSVID, api.MintJWTSVIDRequest(id=id_to_wire(PLAIN), audience=["a"], ttl=60)
            )
            assert token.svid.expires_at - token.svid.issued_at == 60

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"", "missing CSR"),
        (b"nope", "malformed CSR: "),
        (csr.create(new_key()), "CSR URI SAN is required"),
        (broken(csr.create(new_key(), PLAIN)), "failed to verify CSR signature: x509: ECDSA"),
        (csr.create(new_key(), SpiffeId(TRUST_DOMAIN, "/spire/server")), "path is in the reserved namespace"),
    ],
)
def test_a_csr_that_cannot_be_minted_says_why(tmp_path: Path, request_: bytes, why: str) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            with pytest.raises(GRPCError, match=why):
                await unary(SVIDStub(channel).MintX509SVID, api.MintX509SVIDRequest(csr=request_))

    play(tmp_path, scene)


def test_tokens_can_be_switched_off(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await agent_with_entry(running)
        async with running.admin() as admin, running.remote(agent) as channel:
            with pytest.raises(GRPCError, match="JWT functionality is disabled") as refusal:
                request = api.MintJWTSVIDRequest(id=id_to_wire(PLAIN), audience=["a"])
                await unary(SVIDStub(admin).MintJWTSVID, request)
            assert refusal.value.status is Status.UNIMPLEMENTED
            with pytest.raises(GRPCError, match="JWT functionality is disabled"):
                await unary(SVIDStub(channel).NewJWTSVID, api.NewJWTSVIDRequest(entry_id="plain"))

    play(tmp_path, scene, "disable_jwt_svids = true")
