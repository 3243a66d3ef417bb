"""Rates and records at the gate; who may call what is tests/playbooks/test_server_access.py."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finial.errors import Denial, PermissionDenied
from finial.runtime.grpc import GRPCError, unary
from finial.runtime.metrics import Metrics
from finial.server.api.gate import Gate
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.testing.metrics import told
from finial.testing.server import TRUST_DOMAIN, Identity, Running, attest, new_key, play, token
from finial.wire.convert.id import id_to_wire
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.finial.change.v1.change_grpc import ChangesStub
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2
from finial.wire.pb.spire.api.types import selector_pb2


@pytest.mark.slow
def test_attestations_of_one_address_wait_for_each_other(tmp_path: Path) -> None:
    async def scene(running: Running) -> float:
        loop = asyncio.get_running_loop()
        tokens = [await token(running) for _ in range(2)]
        before = loop.time()
        await asyncio.gather(*(attest(running, value) for value in tokens))
        return loop.time() - before

    assert play(tmp_path, scene, limited=True) >= 0.9


@pytest.mark.parametrize("limited", [True, False])
def test_more_signatures_than_a_second_allows_are_refused_unless_the_limit_is_lifted(
    tmp_path: Path, limited: bool
) -> None:
    async def scene(running: Running) -> None:
        request = svid_pb2.BatchNewX509SVIDRequest(params=[svid_pb2.NewX509SVIDParams()] * 501)
        async with running.remote(await attest(running)) as channel:
            call = unary(SVIDStub(channel).BatchNewX509SVID, request)
            if limited:
                with pytest.raises(GRPCError, match=r"signing rate limiting: rate \(501\) exceeds burst"):
                    await call
            else:
                assert len((await call).results) == 501

    play(tmp_path, scene, f"ratelimit {{ signing = {str(limited).lower()} attestation = false }}")


def test_a_refused_call_is_logged_with_who_and_what(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.remote() as channel:
            with pytest.raises(GRPCError):
                await unary(EntryStub(channel).ListEntries, entry_pb2.ListEntriesRequest())
        (line,) = [one for one in running.lines if "Failed to authenticate caller" in one]
        assert "method=ListEntries" in line
        assert "service=entry.v1.Entry" in line
        assert "caller_addr=" in line
        assert "code = PermissionDenied" in line
        assert denials(running) == {"not_allowed": 1}

    play(tmp_path, scene)


def test_a_call_that_fails_is_logged_with_what_was_wrong(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            with pytest.raises(GRPCError):
                await unary(EntryStub(channel).GetEntry, entry_pb2.GetEntryRequest(id="nope"))
        (line,) = [one for one in running.lines if "level=error" in one]
        assert 'msg="Entry not found"' in line
        assert "method=GetEntry" in line
        assert "authorized_as=local" in line

    play(tmp_path, scene)


def test_calls_are_audited_where_that_is_on(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())
            with pytest.raises(GRPCError):
                await unary(EntryStub(channel).GetEntry, entry_pb2.GetEntryRequest(id="nope"))
        good, bad = [line for line in running.lines if "type=audit" in line]
        assert 'msg="API accessed"' in good
        assert "authorized_as=nobody" in good
        assert "caller_uid=" in good
        assert "status=success" in good
        assert "trust_domain_id=example.org" in good
        assert 'status_code=NotFound status_message="entry not found"' in bad
        assert "entry_id=nope" in bad
        assert "authorized_as=local authorized_via=transport" in bad

    play(tmp_path, scene, "audit_log_enabled = true")


def test_nothing_is_audited_where_it_is_off(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())
        assert not any("type=audit" in line for line in running.lines)

    play(tmp_path, scene)


def test_no_token_is_ever_logged(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        value = await token(running)
        with pytest.raises(GRPCError):
            await attest(running, value + "x")
        assert not any(value + "x" in line for line in running.lines)

    play(tmp_path, scene, "audit_log_enabled = true")


@pytest.mark.slow
def test_an_admin_whose_certificate_has_ended_is_nobody(tmp_path: Path) -> None:
    """On a connection it kept: a new one would fail in the handshake."""

    async def scene(running: Running) -> None:
        key = new_key()
        request = csr.create(key, SpiffeId(TRUST_DOMAIN, "/admin"))
        entry = types_pb2.Entry(admin=True)
        entry.spiffe_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, "/admin")))
        entry.parent_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, "/node")))
        entry.selectors.add(type="a", value="b")
        async with running.admin() as channel:
            await unary(
                EntryStub(channel).BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=[entry])
            )
            minted = await unary(
                SVIDStub(channel).MintX509SVID, svid_pb2.MintX509SVIDRequest(csr=request, ttl=2)
            )
        async with running.remote(Identity(x509_svid_from_wire(minted.svid), key)) as channel:
            await unary(EntryStub(channel).CountEntries, entry_pb2.CountEntriesRequest())
            with pytest.raises(GRPCError, match="authorization denied"):
                while True:
                    await unary(EntryStub(channel).CountEntries, entry_pb2.CountEntriesRequest())
                    await asyncio.sleep(0.02)

    play(tmp_path, scene)


def test_an_agent_that_is_evicted_as_it_first_calls_with_a_new_certificate_is_denied(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        me = await attest(running, await token(running))
        backend, log = running.server.backend, running.server._log
        renewed = replace(me.svid, serial_number=me.svid.serial_number + 1)
        await backend.store.set_renewal(me.id, str(renewed.serial_number), 2_000_000_000)
        known = SimpleNamespace(agents={me.id: await backend.store.agent(me.id)})
        follower: Any = SimpleNamespace(index=known)
        gate = Gate(backend.store, follower, backend.clock, log, Metrics("spire_server", backend.clock))
        await backend.store.delete_agent(me.id)
        with pytest.raises(PermissionDenied) as denied:
            await gate.check_agent(renewed, "/path", log)
        assert denied.value.reason is Denial.AGENT_NOT_ATTESTED

    play(tmp_path, scene)


async def banned(running: Running, agent: Identity) -> None:
    backend = running.server.backend
    await backend.follower.reached((await backend.store.ban(agent.id)).position)


def signing(entry_id: str) -> svid_pb2.BatchNewX509SVIDRequest:
    param = svid_pb2.NewX509SVIDParams(entry_id=entry_id, csr=csr.create(new_key()))
    return svid_pb2.BatchNewX509SVIDRequest(params=[param])


def test_a_call_opened_before_a_ban_is_denied_when_its_request_comes_after(tmp_path: Path) -> None:
    """As a compromised agent keeps calls in store, each with its headers sent and its body held back."""

    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with running.remote(agent) as channel:
            kept: list[tuple[Any, Any]] = [
                (SVIDStub(channel).BatchNewX509SVID, signing("any")),
                (EntryStub(channel).GetAuthorizedEntries, entry_pb2.GetAuthorizedEntriesRequest()),
                (ChangesStub(channel).Watch, change_pb2.WatchRequest(open=change_pb2.Open())),
            ]
            async with AsyncExitStack() as stack:
                streams = [await stack.enter_async_context(method.open()) for method, _ in kept]
                for stream in streams:
                    await stream.send_request()
                await unary(AgentStub(channel).PostStatus, agent_pb2.PostStatusRequest())
                await banned(running, agent)
                for stream, (_, request) in zip(streams, kept, strict=True):
                    await stream.send_message(request, end=True)
                    with pytest.raises(GRPCError, match="authorization denied"):
                        await stream.recv_message()
            assert denials(running) == {"agent_banned": len(kept)}

    play(tmp_path, scene)


def denials(running: Running) -> dict[str, float]:
    """As they are counted, by reason."""
    found = told(running.server.metrics).items()
    return {
        key.partition('reason="')[2].partition('"')[0]: value
        for key, value in found
        if key.startswith("finial_denials_total")
    }


def test_a_synchronisation_under_way_ends_with_the_right_to_it(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        agent = await attest(running)
        async with running.admin() as channel:
            entries = [entry_under(agent, number) for number in range(501)]
            await unary(
                EntryStub(channel).BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=entries)
            )
        async with running.remote(agent) as channel:
            sync = EntryStub(channel).SyncAuthorizedEntries.open()
            with pytest.raises(GRPCError, match="authorization denied"):
                async with sync:
                    await sync.send_message(entry_pb2.SyncAuthorizedEntriesRequest())
                    pages = [await sync.recv_message() for _ in range(2)]
                    await banned(running, agent)
                    wanted = [one.id for page in pages if page for one in page.entry_revisions[:5]]
                    await sync.send_message(entry_pb2.SyncAuthorizedEntriesRequest(ids=wanted), end=True)
                    assert await sync.recv_message() is None

    play(tmp_path, scene)


def entry_under(agent: Identity, number: int) -> types_pb2.Entry:
    entry = types_pb2.Entry(selectors=[selector_pb2.Selector(type="a", value="b")])
    entry.spiffe_id.CopyFrom(id_to_wire(SpiffeId(TRUST_DOMAIN, f"/w{number}")))
    entry.parent_id.CopyFrom(id_to_wire(agent.id))
    return entry
