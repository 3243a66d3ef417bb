"""Rotation by hand: `localauthority.txt`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, Status, unary
from finial.testing.server import Running, attest, play, server
from finial.testing.upstream_files import disk_plugin
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as api
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub


async def states(stub: LocalAuthorityStub) -> tuple[str, str, str]:
    """Active, prepared, old."""
    answer = await unary(stub.GetX509AuthorityState, api.GetX509AuthorityStateRequest())
    return answer.active.authority_id, answer.prepared.authority_id, answer.old.authority_id


async def refused(stub: LocalAuthorityStub, verb: str, authority_id: str) -> str:
    with pytest.raises(GRPCError) as refusal:
        match verb:
            case "activate":
                await unary(
                    stub.ActivateX509Authority, api.ActivateX509AuthorityRequest(authority_id=authority_id)
                )
            case "taint":
                await unary(stub.TaintX509Authority, api.TaintX509AuthorityRequest(authority_id=authority_id))
            case _:
                await unary(
                    stub.RevokeX509Authority, api.RevokeX509AuthorityRequest(authority_id=authority_id)
                )
    return str(refusal.value.message)


def test_an_authority_is_prepared_activated_tainted_and_revoked(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub, bundles = LocalAuthorityStub(channel), BundleStub(channel)
            first, _, _ = await states(stub)
            prepared = await unary(stub.PrepareX509Authority, api.PrepareX509AuthorityRequest())
            second = prepared.prepared_authority.authority_id
            assert await states(stub) == (first, second, "")
            bundle = await unary(bundles.GetBundle, bundle_pb2.GetBundleRequest())
            assert len(bundle.x509_authorities) == 2
            await unary(stub.ActivateX509Authority, api.ActivateX509AuthorityRequest(authority_id=second))
            assert await states(stub) == (second, "", first)
            assert running.server.signer.issuer.ca.authority_id == second
            assert await refused(stub, "revoke", first) == (
                "failed to revoke X.509 authority: it is not possible to revoke an untainted root CA"
            )
            tainted = await unary(stub.TaintX509Authority, api.TaintX509AuthorityRequest(authority_id=first))
            assert tainted.tainted_authority.authority_id == first
            bundle = await unary(bundles.GetBundle, bundle_pb2.GetBundleRequest())
            assert [one.tainted for one in bundle.x509_authorities] == [True, False]
            assert await refused(stub, "taint", first) == (
                "failed to taint X.509 authority: root CA is already tainted"
            )
            await running.server.identity.renew_if_due()
            await unary(stub.RevokeX509Authority, api.RevokeX509AuthorityRequest(authority_id=first))
            bundle = await unary(bundles.GetBundle, bundle_pb2.GetBundleRequest())
            assert [one.tainted for one in bundle.x509_authorities] == [False]
            await attest(running)
        for phrase in (
            "X.509 authority tainted successfully",
            "X.509 authority revoked successfully",
            "Server SVID signed using a tainted authority, forcing rotation of the Server SVID",
        ):
            assert any(phrase in line for line in running.lines)

    play(tmp_path, scene)


def test_steps_out_of_order_are_refused_in_spires_words(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = LocalAuthorityStub(channel)
            first, _, _ = await states(stub)
            assert await refused(stub, "activate", first) == "unexpected authority ID"
            assert await refused(stub, "activate", "") == "no authority ID provided"
            assert await refused(stub, "taint", first) == "unable to taint current local authority"
            assert (
                await refused(stub, "revoke", first)
                == "invalid authority ID: unable to use current authority"
            )
            prepared = await unary(stub.PrepareX509Authority, api.PrepareX509AuthorityRequest())
            second = prepared.prepared_authority.authority_id
            assert await refused(stub, "taint", second) == (
                "only Old local authorities can be tainted: unsupported local authority status: PREPARED"
            )

    play(tmp_path, scene)


def test_jwt_authorities_go_the_same_way(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = LocalAuthorityStub(channel)
            before = await unary(stub.GetJWTAuthorityState, api.GetJWTAuthorityStateRequest())
            first = before.active.authority_id
            prepared = await unary(stub.PrepareJWTAuthority, api.PrepareJWTAuthorityRequest())
            second = prepared.prepared_authority.authority_id
            await unary(stub.ActivateJWTAuthority, api.ActivateJWTAuthorityRequest(authority_id=second))
            await unary(stub.TaintJWTAuthority, api.TaintJWTAuthorityRequest(authority_id=first))
            await unary(stub.RevokeJWTAuthority, api.RevokeJWTAuthorityRequest(authority_id=first))
            bundle = await unary(BundleStub(channel).GetBundle, bundle_pb2.GetBundleRequest())
            assert [one.key_id for one in bundle.jwt_authorities] == [second]

    play(tmp_path, scene)


def test_there_is_no_upstream_and_no_wit(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            stub = LocalAuthorityStub(channel)
            with pytest.raises(GRPCError, match="upstream authority is not configured"):
                await unary(stub.TaintX509UpstreamAuthority, api.TaintX509UpstreamAuthorityRequest())
            with pytest.raises(GRPCError, match="WIT-SVID functionality") as refusal:
                await unary(stub.PrepareWITAuthority, api.PrepareWITAuthorityRequest())
            assert refusal.value.status is Status.UNIMPLEMENTED

    play(tmp_path, scene)


def test_below_an_upstream_its_root_is_tainted_and_revoked(tmp_path: Path) -> None:
    async def scene() -> None:
        async with server(tmp_path, plugins=disk_plugin(tmp_path)) as running, running.admin() as channel:
            stub = LocalAuthorityStub(channel)
            state = await unary(stub.GetX509AuthorityState, api.GetX509AuthorityStateRequest())
            root = state.active.upstream_authority_subject_key_id
            agent = await attest(running)
            assert len(agent.svid.chain) == 2
            disk_plugin(tmp_path)
            prepared = await unary(stub.PrepareX509Authority, api.PrepareX509AuthorityRequest())
            other = prepared.prepared_authority
            assert other.upstream_authority_subject_key_id not in ("", root)
            with pytest.raises(GRPCError, match="provided subject key id is not valid: unable to use"):
                await unary(
                    stub.TaintX509UpstreamAuthority,
                    api.TaintX509UpstreamAuthorityRequest(subject_key_id=root),
                )
            await unary(
                stub.ActivateX509Authority, api.ActivateX509AuthorityRequest(authority_id=other.authority_id)
            )
            assert await refused(stub, "taint", state.active.authority_id) == (
                "local authority can't be tainted if there is an upstream authority"
            )
            tainted = await unary(
                stub.TaintX509UpstreamAuthority,
                api.TaintX509UpstreamAuthorityRequest(subject_key_id=root.upper()),
            )
            assert tainted.upstream_authority_subject_key_id == root
            await running.server.identity.renew_if_due()
            revoked = await unary(
                stub.RevokeX509UpstreamAuthority, api.RevokeX509UpstreamAuthorityRequest(subject_key_id=root)
            )
            assert revoked.upstream_authority_subject_key_id == root
            await attest(running)
        for phrase in (
            "X.509 upstream authority tainted successfully",
            "X.509 upstream authority successfully revoked",
            "Server SVID signed using a tainted authority, forcing rotation of the Server SVID",
            "UpstreamAuthority plugin does not support JWT-SVIDs",
        ):
            assert any(phrase in line for line in running.lines), phrase
        assert not any("PRIVATE" in line for line in running.lines)

    asyncio.run(scene())
