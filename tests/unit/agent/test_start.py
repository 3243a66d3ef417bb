"""The identity of the last run, or a new one."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from finial.agent.bootstrap import FirstTrust
from finial.agent.connection import ServerAddress
from finial.agent.identity import AgentKeys
from finial.agent.start import RETRY_FOR, RETRY_INTERVAL, Node, NodeMethod
from finial.agent.storage import Storage
from finial.errors import InvalidArgument, PermissionDenied, Unavailable
from finial.plugins.key import disk
from finial.plugins.node.join_token.agent import JoinTokenAttestor
from finial.runtime.log import Level, Logger, Output
from finial.spiffe import bundle_document
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.clock import SetBack, VirtualClock
from finial.testing.metrics import unread
from finial.testing.scripted_server import ScriptedServer


class Bench:
    """A node whose clock a test moves."""

    def __init__(self, folder: Path, server: ScriptedServer | None = None, token: str = "") -> None:
        self.clock = VirtualClock() if server is None else server.clock
        self.text = io.StringIO()
        trust = folder / "bundle.pem"
        if server is not None:
            trust.write_bytes(bundle_document.encode_pem(server.bundle.x509_roots))
            address = server.address
        else:
            address = ServerAddress("127.0.0.1", 1, TrustDomain("example.org"))
        self.storage = Storage(folder)
        self.metrics = unread(self.clock)
        self.node = Node(
            address,
            self.storage,
            AgentKeys(disk.Disk(disk.AgentConfig(directory=str(folder)))),
            NodeMethod("join_token", JoinTokenAttestor(token)),
            FirstTrust(str(trust)),
            self.clock,
            Logger(Output(self.text, now=self.clock.now, level=Level.DEBUG, strict=True)),
            self.metrics,
        )

    @property
    def log(self) -> str:
        return self.text.getvalue()


def test_attested_once_the_identity_is_found_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            first = Bench(tmp_path, server, server.new_token())
            identity, bundle = await first.node.obtain()
            again = Bench(tmp_path, server)
            (tmp_path / "bundle.pem").unlink()  # trust goes on from what was stored
            found, trusted = await again.node.obtain()
            assert found.svid == identity.svid
            assert trusted.x509_roots == bundle.x509_roots
            assert "SVID loaded" in again.log
            assert server.calls["AttestAgent"] == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", ["keys.json", "agent-data.json"])
def test_without_its_key_or_data_the_node_attests_anew(tmp_path: Path, lost: str) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            await Bench(tmp_path, server, server.new_token()).node.obtain()
            (tmp_path / lost).unlink()
            again = Bench(tmp_path, server, server.new_token())
            await again.node.obtain()
            assert server.calls["AttestAgent"] == 2
            told = "Private key of the stored SVID is not found" if lost == "keys.json" else "Keys recovered"
            assert told in again.log

    asyncio.run(scenario())


def test_an_expired_identity_is_not_used(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            await Bench(tmp_path, server, server.new_token()).node.obtain()
            later = Bench(tmp_path, server, server.new_token())
            key = (await disk.Disk(disk.AgentConfig(directory=str(tmp_path))).keys())["agent-svid-A"]
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            chain = server.ca.leaf("/spire/agent/a", lifetime=timedelta(hours=-1), private_key=key).chain
            await later.storage.store_svid(chain, reattestable=False)
            await later.node.obtain()
            assert "Stored SVID has expired" in later.log
            assert server.calls["AttestAgent"] == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("reattestable", [True, False])
def test_an_identity_from_the_future_is_used_only_where_the_node_cannot_prove_itself_again(
    tmp_path: Path, reattestable: bool
) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            server.reattestable = reattestable
            await Bench(tmp_path, server, server.new_token()).node.obtain()
            server.clock = SetBack()
            server.clock.behind = 60.0
            earlier = Bench(tmp_path, server, server.new_token())
            await earlier.node.obtain()
            assert "Stored SVID is not valid yet" in earlier.log
            assert server.calls["AttestAgent"] == (2 if reattestable else 1)

    asyncio.run(scenario())


def attempts(folder: Path, error: Exception) -> tuple[int, float, str]:
    """How often and how long something that fails is tried."""
    bench = Bench(folder)
    clock = bench.clock
    assert isinstance(clock, VirtualClock)
    tried = 0

    async def fails() -> None:
        nonlocal tried
        tried += 1
        raise error

    async def scenario(work: Callable[[], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(bench.node.retried(work, bench.node.rebootstrap.attestation_failed))
            while not task.done():
                await clock.advance(RETRY_INTERVAL)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(scenario(fails))
    assert caught.value.exceptions == (error,)
    return tried, clock.monotonic(), bench.log


def test_what_may_pass_is_tried_for_a_minute(tmp_path: Path) -> None:
    tried, seconds, log = attempts(tmp_path, Unavailable("away"))
    assert tried == RETRY_FOR / RETRY_INTERVAL + 1
    assert seconds >= RETRY_FOR
    assert log.count('msg="Failed to retrieve attestation result" error=away retry_interval=5s') == tried - 1


def test_a_denial_is_final(tmp_path: Path) -> None:
    tried, _, log = attempts(tmp_path, PermissionDenied("banned"))
    assert (tried, log) == (1, "")


def test_a_node_without_a_token_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            bench = Bench(tmp_path, server)
            with pytest.raises(InvalidArgument, match="join token was not provided"):
                await bench.node.attest(server.bundle, None)
            assert server.calls["AttestAgent"] == 0

    asyncio.run(scenario())
