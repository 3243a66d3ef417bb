"""What operators do to the authorities of a server that runs, and what the bundle and the upstream make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.authority.slots import Kind
from finial.errors import FailedPrecondition, Internal, InvalidArgument, Unavailable
from finial.server.by_hand import ByHand
from finial.spiffe.bundle import Bundle, JwtAuthority
from finial.testing.authorities import DOMAIN, World, above, in_world


def test_step_by_step_a_ca_is_prepared_activated_tainted_and_revoked(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            hand = ByHand(authorities)
            first = signer.issuer.ca.authority_id
            prepared = await hand.prepare(Kind.X509)
            assert hand.slots(Kind.X509).prepared == prepared
            assert signer.issuer.ca.authority_id == first
            with pytest.raises(InvalidArgument, match="unexpected authority ID"):
                await hand.activate(Kind.X509, first)
            assert await hand.activate(Kind.X509, prepared.authority_id) == hand.slots(Kind.X509).current
            assert signer.issuer.ca.authority_id == prepared.authority_id
            with pytest.raises(
                Internal, match="^failed to revoke X.509 authority: it is not possible to rev"
            ):
                await hand.revoke(Kind.X509, first)
            await hand.taint(Kind.X509, first)
            assert [one.tainted for one in (await world.bundle()).x509_authorities] == [True, False]
            await hand.revoke(Kind.X509, first)
            assert (await world.bundle()).x509_roots == (signer.issuer.ca.certificate,)

    in_world(tmp_path, scene)


def test_a_jwt_key_of_another_server_is_revoked_by_whoever_is_asked(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, _):
            await authorities.begin()
            hand = ByHand(authorities)
            await world.store.append_bundle(Bundle(DOMAIN, (), (JwtAuthority("theirs", b"key", 2**33),)))
            with pytest.raises(InvalidArgument, match="no JWT authority found"):
                await hand.revoke(Kind.JWT, "nobody's")
            await world.store.taint_jwt_authority(DOMAIN, "theirs")
            await hand.revoke(Kind.JWT, "theirs")
            assert "theirs" not in [one.key_id for one in (await world.bundle()).jwt_authorities]

    in_world(tmp_path, scene)


def test_operators_wait_for_a_step_of_the_clock(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, _):
            await authorities.begin()
            hand = ByHand(authorities)
            async with authorities.changing:
                asked = asyncio.ensure_future(hand.prepare(Kind.X509))
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(asked), 0.01)
                assert hand.slots(Kind.X509).prepared is None
            prepared = await asked
            assert hand.slots(Kind.X509).prepared == prepared

    in_world(tmp_path, scene)


def test_without_an_upstream_none_of_its_roots_is_tainted(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, _):
            await authorities.begin()
            for change in (ByHand(authorities).taint_upstream, ByHand(authorities).revoke_upstream):
                with pytest.raises(FailedPrecondition, match="upstream authority is not configured"):
                    await change("aa")

    in_world(tmp_path, scene)


def test_what_cannot_be_certified_leaves_nothing_to_activate(tmp_path: Path) -> None:
    """The key of the prepared one is replaced before the upstream is asked."""

    async def scene(world: World) -> None:
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, _):
            await authorities.begin()
            hand = ByHand(authorities)
            prepared = await hand.prepare(Kind.X509)
            upstream.gone = True
            with pytest.raises(Unavailable):
                await hand.prepare(Kind.X509)
            with pytest.raises(InvalidArgument, match="unexpected authority ID"):
                await hand.activate(Kind.X509, prepared.authority_id)

    in_world(tmp_path, scene)


def test_an_upstream_root_is_tainted_and_revoked_once_only_the_old_ca_is_below_it(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        first = upstream.root_id
        async with world.server(above=upstream) as (authorities, _):
            await authorities.begin()
            hand = ByHand(authorities)
            current = authorities.state.x509.current
            assert current is not None
            with pytest.raises(FailedPrecondition, match="can't be tainted if there is an upstream"):
                await hand.taint(Kind.X509, current.authority_id)
            with pytest.raises(FailedPrecondition, match="can't be revoked if there is an upstream"):
                await hand.revoke(Kind.X509, current.authority_id)
            with pytest.raises(InvalidArgument, match="provided subject key id is not valid: unable to use"):
                await hand.taint_upstream(first)
            upstream.ca = above(world, "next").ca
            prepared = await hand.prepare(Kind.X509)
            await hand.activate(Kind.X509, prepared.authority_id)
            with pytest.raises(Internal, match="revoke X.509 upstream authority: it is not possible to rev"):
                await hand.revoke_upstream(first)
            await hand.taint_upstream(first)
            assert [one.tainted for one in (await world.bundle()).x509_authorities] == [True, False]
            with pytest.raises(Internal, match="failed to taint upstream authority: root CA is already"):
                await hand.taint_upstream(first)
            await hand.revoke_upstream(first)
            assert (await world.bundle()).x509_roots == (upstream.ca.der,)

    in_world(tmp_path, scene)
