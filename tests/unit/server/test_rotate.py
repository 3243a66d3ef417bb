from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from finial.authority.ca import public_bytes
from finial.authority.policy import Policy
from finial.authority.rotation import Kind
from finial.errors import FailedPrecondition, Internal, InvalidArgument, Unavailable
from finial.plugins.key.memory import Memory
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.server.certify import Upstream
from finial.server.rotate import Authorities
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle, BundleSet
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Position, Store
from finial.svid.verify import verify_x509
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock
from finial.testing.upstream import MemoryUpstream

DOMAIN = TrustDomain("example.org")
CA_TTL = 3600


@dataclass
class World:
    store: Store
    keys: Memory
    clock: VirtualClock
    log: io.StringIO

    @asynccontextmanager
    async def server(
        self, *, jwt: bool = True, above: MemoryUpstream | None = None
    ) -> AsyncIterator[tuple[Authorities, Signer]]:
        signer = Signer(Policy(trust_domain=DOMAIN, ca_ttl=CA_TTL), self.clock, threads=1)
        output = Output(self.log, now=self.clock.now, level=Level.DEBUG, strict=True)
        log, upstream = Logger(output), Upstream("memory", above) if above else None
        made = Authorities(self.store, self.keys, signer, self.clock, log, jwt_enabled=jwt, upstream=upstream)
        try:
            yield made, signer
        finally:
            signer.close()

    async def bundle(self) -> Bundle:
        bundle = await self.store.bundle(DOMAIN)
        assert bundle is not None
        return bundle


def in_world(folder: Path, scene: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = VirtualClock()
        store = await Store.open(folder / "data.sqlite3", clock=SystemClock())
        try:
            await scene(World(store, Memory(), clock, io.StringIO()))
        finally:
            await store.close()

    asyncio.run(run())


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


def above(world: World, name: str = "root") -> MemoryUpstream:
    root = TestCa(name=name, now=world.clock.now(), lifetime=timedelta(days=30))
    return MemoryUpstream(world.clock.now, root)


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


def test_what_cannot_be_certified_leaves_nothing_to_activate(tmp_path: Path) -> None:
    """The key of the prepared one is replaced before the upstream is asked."""

    async def scene(world: World) -> None:
        upstream = above(world)
        async with world.server(above=upstream) as (authorities, _):
            await authorities.begin()
            prepared = await authorities.prepare(Kind.X509)
            upstream.gone = True
            with pytest.raises(Unavailable):
                await authorities.prepare(Kind.X509)
            with pytest.raises(InvalidArgument, match="unexpected authority ID"):
                await authorities.activate(Kind.X509, prepared.authority_id)

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


def test_an_upstream_root_is_tainted_and_revoked_once_only_the_old_ca_is_below_it(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        upstream = above(world)
        first = upstream.root_id
        async with world.server(above=upstream) as (authorities, _):
            await authorities.begin()
            current = authorities.state.x509.current
            assert current is not None
            with pytest.raises(FailedPrecondition, match="can't be tainted if there is an upstream"):
                await authorities.taint(Kind.X509, current.authority_id)
            with pytest.raises(FailedPrecondition, match="can't be revoked if there is an upstream"):
                await authorities.revoke(Kind.X509, current.authority_id)
            with pytest.raises(InvalidArgument, match="provided subject key id is not valid: unable to use"):
                await authorities.taint_upstream(first)
            upstream.ca = above(world, "next").ca
            prepared = await authorities.prepare(Kind.X509)
            await authorities.activate(Kind.X509, prepared.authority_id)
            with pytest.raises(Internal, match="revoke X.509 upstream authority: it is not possible to rev"):
                await authorities.revoke_upstream(first)
            await authorities.taint_upstream(first)
            assert [one.tainted for one in (await world.bundle()).x509_authorities] == [True, False]
            with pytest.raises(Internal, match="failed to taint upstream authority: root CA is already"):
                await authorities.taint_upstream(first)
            await authorities.revoke_upstream(first)
            assert (await world.bundle()).x509_roots == (upstream.ca.der,)

    in_world(tmp_path, scene)
