from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.errors import InvalidArgument, PermissionDenied
from finial.plugin.kinds import AttestedNode, Challenge
from finial.server.attest import Attestation, Attestor, agent_of, read_csr
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.svid import csr
from finial.svid.x509 import X509Svid
from finial.testing.metrics import told, unread
from finial.testing.server import Running, new_key, play

NODE = SpiffeId.parse("spiffe://example.org/spire/agent/t/1")
END = datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
SVID = X509Svid(NODE, (), END, END, 7, b"")


def test_node_selectors_are_stored_once_each_by_type_and_value() -> None:
    selectors = tuple(Selector.parse(text) for text in ("b:1", "a:2", "a:1", "b:1"))
    agent = agent_of("t", AttestedNode(NODE, selectors, can_reattest=True), SVID)
    assert [str(one) for one in agent.selectors] == ["a:1", "a:2", "b:1"]
    assert (agent.serial_number, agent.expires_at, agent.can_reattest) == ("7", int(END.timestamp()), True)


def test_a_csr_that_cannot_be_read_says_so_once() -> None:
    with pytest.raises(InvalidArgument, match="^failed to parse CSR: (?!malformed CSR)"):
        read_csr(b"nonsense")


class TrustOnFirstUse:
    """As http_challenge: finds nobody attested, then hears the response to its challenge."""

    def __init__(self) -> None:
        self.both_asked = asyncio.Barrier(2)

    async def attest(self, payload: bytes, challenge: Challenge) -> AttestedNode:
        await self.both_asked.wait()
        return AttestedNode(NODE, once=True)


def test_of_two_that_prove_the_same_node_at_once_the_first_is_believed(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        backend = running.server.backend
        metrics = unread()
        attestor = Attestor(backend.store, backend.signer, {"t": TrustOnFirstUse()}, metrics)

        async def no_challenge(_: bytes) -> bytes:
            return b""

        attempts = (attestor.attest("t", b"x", csr.create(new_key()), no_challenge) for _ in range(2))
        done = await asyncio.gather(*attempts, return_exceptions=True)
        (believed,) = [one for one in done if isinstance(one, Attestation)]
        (refused,) = [one for one in done if isinstance(one, PermissionDenied)]
        assert "already been used" in refused.message
        for status in ("OK", "PermissionDenied"):
            key = f'finial_node_attestation_seconds_count{{method="t",status="{status}"}}'
            assert told(metrics)[key] == 1
        stored = await backend.store.agent(NODE)
        assert stored is not None
        assert stored.serial_number == str(believed.svid.serial_number)

    play(tmp_path, scene)
