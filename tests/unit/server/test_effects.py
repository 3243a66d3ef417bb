"""What each effect does to the bundle, the journal and the signer, and what a log line tells of an authority."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.authority.rotation import Rotation
from finial.authority.slots import Kind
from finial.authority.steps import Persist, Publish, Revoke, Sign, Taint
from finial.errors import Internal
from finial.runtime.log import Level, Logger, Output
from finial.server.effects import Effects, fields_of
from finial.server.sign import Signer
from finial.testing.authorities import World, above, in_world

CA = X509CaRecord("A", 10, 20, b"der", (), Status.ACTIVE, "id", "root")


def effects(world: World, signer: Signer) -> Effects:
    log = Logger(Output(world.log, now=world.clock.now, level=Level.DEBUG, strict=True))
    return Effects(world.store, world.keys, signer, world.clock, log, world.metrics)


def test_what_is_published_is_in_the_bundle_and_where_is_remembered(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        root = above(world).ca.der
        async with world.server() as (_, signer):
            made = effects(world, signer)
            assert made.published is None
            for _ in range(2):
                await made.run(Publish(x509=(root,)), Rotation())
            assert (await world.bundle()).x509_roots == (root,)
            assert made.published == await world.store.changes.position()

    in_world(tmp_path, scene)


def test_taint_and_revocation_reach_the_bundle(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        roots = [above(world), above(world, "next")]
        async with world.server() as (_, signer):
            made = effects(world, signer)
            await made.run(Publish(x509=tuple(one.ca.der for one in roots)), Rotation())
            await made.run(Taint(Kind.X509, roots[0].root_id), Rotation())
            assert [one.tainted for one in (await world.bundle()).x509_authorities] == [True, False]
            await made.run(Revoke(Kind.X509, roots[0].root_id), Rotation())
            assert (await world.bundle()).x509_roots == (roots[1].ca.der,)

    in_world(tmp_path, scene)


def test_one_row_of_the_journal_is_written_again_and_made_anew_if_it_was_pruned(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (_, signer):
            made = effects(world, signer)
            for issued_at in (1, 2):
                await made.run(Persist(Journal((replace(CA, issued_at=issued_at),))), Rotation())
            (stored,) = await world.store.load_journals()
            assert stored.journal.x509_cas[0].issued_at == 2
            world.clock.step(10**9)
            await world.store.prune_journals(int(world.clock.unix()))
            assert await world.store.load_journals() == []
            await made.run(Persist(Journal((CA,))), Rotation())
            assert len(await world.store.load_journals()) == 1

    in_world(tmp_path, scene)


def test_a_journal_is_ours_if_we_hold_a_key_of_its_active_ca(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (authorities, signer):
            await authorities.begin()
            held = await world.keys.keys()
            assert await effects(world, signer).load_journal(held) == authorities.state.journal
            jwt_only = {name: key for name, key in held.items() if name.startswith("JWT")}
            assert await effects(world, signer).load_journal(jwt_only) == Journal()

    in_world(tmp_path, scene)


def test_nothing_signs_without_an_active_authority(tmp_path: Path) -> None:
    async def scene(world: World) -> None:
        async with world.server() as (_, signer):
            with pytest.raises(Internal, match="no active authority"):
                await effects(world, signer).run(Sign(Kind.X509, "id"), Rotation())

    in_world(tmp_path, scene)


def test_a_line_of_the_log_names_the_upstream_of_a_ca_alone() -> None:
    key = JwtKeyRecord("B", 10, 20, "kid", b"", Status.ACTIVE, "kid")
    times = {"issued_at": datetime.fromtimestamp(10, UTC), "expiration": datetime.fromtimestamp(20, UTC)}
    assert fields_of(key) == {"slot": "B", "local_authority_id": "kid", **times}
    assert fields_of(CA) == {
        "slot": "A",
        "local_authority_id": "id",
        "upstream_authority_id": "root",
        **times,
    }
