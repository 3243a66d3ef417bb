"""No write of an agent succeeds: it goes on with what it has in memory, says what is wrong, and heals by itself."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from finial.agent import renew, start
from finial.agent.storage import FILE_NAME, read
from finial.errors import FailedPrecondition
from finial.registry.entry import Entry
from finial.runtime import fault
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.testing.agent import RunningAgent
from finial.testing.ca import TestCa
from finial.testing.scripted_server import ScriptedServer

UID = (Selector("unix", f"uid:{os.geteuid()}"),)
NODE = SpiffeId.parse("spiffe://example.org/node")


def entry(name: str) -> Entry:
    return Entry(name, SpiffeId.parse(f"spiffe://example.org/{name}"), NODE, UID)


@contextmanager
def full_disk() -> Iterator[None]:
    def no_room(point: str) -> None:
        if point.endswith(".opened"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with fault.hooked(no_room):
        yield


def test_a_bundle_that_found_no_room_is_stored_once_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "RETRY_INTERVAL", 0.01)

    async def scenario() -> None:
        async with ScriptedServer() as server:
            token = server.new_token()
            async with RunningAgent(tmp_path, server.address, server.bundle, token) as agent:
                await agent.serving()
                next_root = X509Authority(TestCa().der)
                own = server.bundle
                server.bundle = Bundle(
                    own.trust_domain, (*own.x509_authorities, next_root), own.jwt_authorities
                )
                server.entries = {"a": entry("a")}
                with full_disk():
                    await agent.until_logged("failed to write data file")
                    assert "No space left on device" in agent.log
                    assert "the folder must be there, have room and be writable by this user" in agent.log
                    async with agent.workload_api() as api:
                        context = await api.fetch_x509()
                    assert context.default.svid.id.path == "/a"
                    assert next_root.der not in read(tmp_path / FILE_NAME).bundle
                    told = context.bundles.get(own.trust_domain)
                    assert told is not None and next_root.der in told.x509_roots
                await agent.until(lambda: next_root.der in read(tmp_path / FILE_NAME).bundle)
                assert "Traceback" not in agent.log

    asyncio.run(scenario())


def test_an_identity_that_found_no_room_is_renewed_once_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the one in use stays: who renews and cannot store it starts with one that its server has forgotten."""
    monkeypatch.setattr(renew, "RETRY_MIN", 0.01)

    async def scenario() -> None:
        async with ScriptedServer(agent_ttl=6) as server:  # renewed a quarter of that later
            server.entries = {"a": entry("a")}
            token = server.new_token()
            async with RunningAgent(tmp_path, server.address, server.bundle, token) as agent:
                await agent.serving()
                with full_disk():
                    await agent.until_logged("Failed to rotate agent SVID")
                    assert "unable to write keys to" in agent.log
                    assert "No space left on device" in agent.log
                    assert "have room and be writable by this user" in agent.log
                    server.entries |= {"b": entry("b")}
                    async with agent.workload_api() as api:
                        async for context in api.watch_x509():
                            if {one.id.path for one in context.identities} == {"/a", "/b"}:
                                break
                assert server.calls["RenewAgent"] == 0
                await agent.until_logged("Successfully rotated agent SVID")

    asyncio.run(scenario())


def test_a_disk_that_stays_full_until_the_svid_ends_is_told_with_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a node whose proof is spent."""
    monkeypatch.setattr(renew, "RETRY_MIN", 0.01)
    monkeypatch.setattr(renew, "RETRY_MAX", 0.1)

    async def scenario() -> None:
        async with ScriptedServer(agent_ttl=2) as server:
            token = server.new_token()
            async with RunningAgent(tmp_path, server.address, server.bundle, token) as agent:
                await agent.serving()
                with full_disk(), pytest.raises(FailedPrecondition) as ended:
                    await agent.until(lambda: False)
        told = "current SVID has already expired and rotate agent SVID failed: unable to write keys to "
        assert ended.value.message.startswith(told)
        assert ended.value.message.endswith("No space left on device")
        assert "token generate" in (ended.value.hint or "")

    asyncio.run(scenario())
