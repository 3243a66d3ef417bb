from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from finial.authority.ca import public_bytes
from finial.authority.slots import Kind
from finial.errors import Unavailable
from finial.plugins.key.memory import Memory
from finial.spiffe.bundle import BundleSet
from finial.store import Position
from finial.svid.verify import verify_x509
from finial.testing.authorities import CA_TTL, DOMAIN, World, above, in_world


def test_a_first_start_makes_publishes_and_stores_a_ca_and_a_key(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            bundle = await world.bundle()
            assert bundle.x509_roots == (signer.issuer.ca.certificate,)
            assert len(bundle.jwt_authorities) == 1
            (journal,) = await world.store.load_journals()
            assert journal.active_x509_authority_id == signer.issuer.ca.authority_id

    in_world(tmp_path, scene)


def test_a_restart_with_its_keys_goes_on_with_its_authorities(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (first, signer):
            await first.begin()
            before = signer.issuer.ca.certificate
        async with world.server() as (again, signer):
            await again.begin()
            assert signer.issuer.ca.certificate == before
        assert len(await world.store.load_journals()) == 1
        assert "x509_cas=1" in world.log.getvalue()

    in_world(tmp_path, scene)


def test_a_restart_without_its_keys_makes_new_ones_and_keeps_the_old_root(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (first, _):
            await first.begin()
        world.keys = Memory()
        async with world.server() as (again, signer):
            await again.begin()
            assert signer.issuer.ca.certificate == (await world.bundle()).x509_roots[1]
        assert len(await world.store.load_journals()) == 2

    in_world(tmp_path, scene)


@pytest.mark.slow
def test_svids_verify_at_each_look_through_many_rotations(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            signers = set()
            for _ in range(4 * CA_TTL // 60):
                world.clock.step(60)
                await authorities.advance()
                key = (await world.keys.keys())["x509-CA-A"]
                svid = await signer.x509(lambda policy, key=key: policy.server(public_bytes(key)))  # type: ignore[misc]
                verify_x509(svid.chain, BundleSet.of(await world.bundle()), world.clock.now())
                assert svid.not_after > world.clock.now() + timedelta(seconds=CA_TTL // 6 - 120)
                signers.add(signer.issuer.ca.authority_id)
            assert len(signers) >= 4

    in_world(tmp_path, scene)


def test_the_next_root_is_published_long_before_it_signs(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            first = signer.issuer.ca.authority_id
            world.clock.step(CA_TTL / 2 + 20)
            await authorities.advance()
            assert len((await world.bundle()).x509_roots) == 2
            assert signer.issuer.ca.authority_id == first
            world.clock.step(CA_TTL / 3 + 20)
            await authorities.advance()
            assert signer.issuer.ca.authority_id != first
        for phrase in ("X509 CA prepared", "X509 CA activated", "JWT key prepared", "JWT key activated"):
            assert world.log.getvalue().count(phrase) == 2

    in_world(tmp_path, scene)


def test_without_tokens_there_is_no_key_for_them(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server(jwt=False) as (authorities, _):
            await authorities.begin()
            assert (await world.bundle()).jwt_authorities == ()
            assert authorities.state.slots(Kind.JWT).current is None

    in_world(tmp_path, scene)


def test_it_looks_every_ten_seconds(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            before = signer.issuer.ca.authority_id
            running = asyncio.ensure_future(authorities.run())
            world.clock.step(0.9 * CA_TTL)
            while signer.issuer.ca.authority_id == before:
                await world.clock.advance(10)
                await asyncio.sleep(0.001)
            running.cancel()

    in_world(tmp_path, scene)


def test_a_ca_that_begins_later_since_the_clock_was_set_back_is_replaced_at_the_next_look(
    tmp_path: Path,
) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            first = signer.issuer.ca
            world.clock.step(-600)
            await authorities.advance()
            assert signer.issuer.ca.read.not_before < world.clock.now()
            assert {first.certificate, signer.issuer.ca.certificate} == set((await world.bundle()).x509_roots)
            told = "X509 CA is not valid yet: the clock was set back"
            assert f"local_authority_id={first.authority_id}" in world.log.getvalue().partition(told)[2]

    in_world(tmp_path, scene)


def test_an_authority_signs_once_its_root_has_arrived_everywhere(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            arrived = False
            asked: list[Position] = []

            def everywhere(position: Position) -> bool:
                asked.append(position)
                return arrived

            authorities.follow(everywhere, await world.store.changes.position())
            first = signer.issuer.ca.authority_id
            world.clock.step(CA_TTL * 2 / 3)  # past the time to prepare, and published for a while
            await authorities.advance()
            world.clock.step(CA_TTL / 8)
            await authorities.advance()
            assert signer.issuer.ca.authority_id == first
            assert asked[-1].covers(asked[0])
            assert asked[-1] != asked[0]  # where the new root was published
            arrived = True
            await authorities.advance()
            assert signer.issuer.ca.authority_id != first
            assert "not everybody acknowledged it" not in world.log.getvalue()

    in_world(tmp_path, scene)


def test_at_the_latest_it_signs_when_spires_timer_would_and_says_who_waits_no_longer(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            authorities.follow(lambda _: False, await world.store.changes.position())
            first = signer.issuer.ca.authority_id
            for _ in range(60):
                world.clock.step(CA_TTL / 60)
                await authorities.advance()
                if signer.issuer.ca.authority_id != first:
                    break
            assert signer.issuer.ca.authority_id != first
            assert "Authority is activated though not everybody acknowledged it" in world.log.getvalue()

    in_world(tmp_path, scene)


def test_below_an_upstream_the_bundle_holds_its_roots_and_a_restart_goes_on(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, signer):
            await authorities.begin()
            before = signer.issuer.ca.certificate
            assert (await world.bundle()).x509_roots == (upstream.ca.der,)
            current = authorities.state.x509.current
            assert current is not None and current.upstream_authority_id == upstream.root_id
            assert current.upstream_chain == (before,)
        async with world.server(above=upstream) as (again, signer):
            await again.begin()
            assert signer.issuer.ca.certificate == before
        assert "self_signed=false" in world.log.getvalue()

    in_world(tmp_path, scene)


def test_a_ca_that_no_root_of_the_bundle_vouches_for_is_not_signed_with_again(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, signer):
            await authorities.begin()
            before = signer.issuer.ca.certificate
        await world.store.taint_x509_authority(DOMAIN, upstream.root_id)
        await world.store.revoke_x509_authority(DOMAIN, upstream.root_id)
        upstream.ca = above(world, "next").ca
        async with world.server(above=upstream) as (again, signer):
            await again.begin()
            assert signer.issuer.ca.certificate != before
            assert (await world.bundle()).x509_roots == (upstream.ca.der,)

    in_world(tmp_path, scene)


def test_between_self_signed_and_upstream_a_server_changes_over(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            own = signer.issuer.ca.certificate
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, signer):
            await authorities.begin()
            assert signer.issuer.ca.certificate == own  # which the bundle holds: it goes on until it is due
            world.clock.step(CA_TTL * 0.9)
            await authorities.advance()
            assert (await world.bundle()).x509_roots == (own, upstream.ca.der)
            world.clock.step(CA_TTL * 0.08)
            await authorities.advance()
            below = signer.issuer.ca.certificate
            assert below != own
        async with world.server() as (authorities, signer):
            await authorities.begin()
            assert signer.issuer.ca.roots == ((await world.bundle()).x509_roots[-1],)

    in_world(tmp_path, scene)


def test_with_the_upstream_gone_the_old_ca_goes_on_and_jwt_keys_rotate(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, signer):
            await authorities.begin()
            before = signer.issuer.ca.certificate
            upstream.gone = True
            world.clock.step(CA_TTL * 0.9)
            with pytest.raises(Unavailable, match="upstream authority is gone"):
                await authorities.advance()
            assert signer.issuer.ca.certificate == before
            assert authorities.state.jwt.prepared is not None
        async with world.server(above=upstream) as (again, signer):
            await again.begin()
            assert signer.issuer.ca.certificate == before
            assert "Failed to rotate local authorities" in world.log.getvalue()
            upstream.gone = False
            await again.advance()
            world.clock.step(CA_TTL * 0.08)
            await again.advance()
            assert signer.issuer.ca.certificate != before

    in_world(tmp_path, scene)


def test_without_a_ca_and_without_the_upstream_a_server_does_not_start(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        upstream.gone = True
        async with world.server(above=upstream) as (authorities, _):
            with pytest.raises(Unavailable, match="upstream authority is gone"):
                await authorities.begin()

    in_world(tmp_path, scene)


def test_a_new_root_upstream_is_published_before_anything_is_below_it(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, _):
            await authorities.begin()
            upstream.announced.append(above(world, "next").ca)
            await authorities.advance()
            assert len((await world.bundle()).x509_roots) == 2

    in_world(tmp_path, scene)
