from __future__ import annotations

import io
from pathlib import Path

import pytest

from finial.errors import PermissionDenied
from finial.plugin.kinds import KeyType
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.server.identity import ServerIdentity, generate
from finial.spiffe.id import SpiffeId
from finial.testing.clock import SetBack
from finial.testing.metrics import unread
from finial.testing.server import Running, attest, play


def test_the_server_shows_its_own_id_and_trusts_its_own_bundle(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        identity = running.server.identity
        assert str(identity.svid.id) == "spiffe://example.org/spire/server"
        assert list(identity.context.material.bundles) == ["example.org"]

    play(tmp_path, scene)


def test_a_renewed_svid_is_shown_from_the_next_handshake(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        identity = running.server.identity
        before = identity.svid.serial_number
        await identity.renew()
        assert identity.svid.serial_number != before
        await attest(running)

    play(tmp_path, scene)


def test_an_svid_that_begins_later_since_the_clock_was_set_back_is_renewed(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        clock, log = SetBack(), Logger(Output(io.StringIO(), now=SystemClock().now))
        identity = ServerIdentity(running.server.signer, running.server.follower, clock, log, unread(clock))
        await identity.begin()
        before = identity.svid.serial_number
        clock.behind = 5.0
        await identity.renew_if_due()
        assert identity.svid.serial_number == before
        clock.behind = 60.0
        await identity.renew_if_due()
        assert identity.svid.serial_number != before

    play(tmp_path, scene)


def test_members_and_admins_may_connect_and_nobody_else(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        authorize = running.server.identity.context.authorize
        authorize(SpiffeId.parse("spiffe://example.org/w"))
        authorize(SpiffeId.parse("spiffe://other.test/admin"))
        with pytest.raises(PermissionDenied):
            authorize(SpiffeId.parse("spiffe://other.test/w"))

    play(tmp_path, scene, 'admin_ids = ["spiffe://other.test/admin"]')


@pytest.mark.parametrize(
    ("key_type", "size"), [(KeyType.EC_P256, 256), (KeyType.EC_P384, 384), (KeyType.RSA_2048, 2048)]
)
def test_keys_are_of_the_type_asked_for(key_type: KeyType, size: int) -> None:
    assert generate(key_type).key_size == size
