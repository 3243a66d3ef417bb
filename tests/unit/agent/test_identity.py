"""The two slots of the agent's key."""

from __future__ import annotations

import asyncio

from finial.agent.identity import AgentIdentity, AgentKeys, public_key_of
from finial.plugins.key.memory import Memory
from finial.svid import x509
from finial.testing.ca import TestCa


def test_a_new_key_never_replaces_the_one_in_use() -> None:
    async def scenario() -> None:
        keys = AgentKeys(Memory())
        assert not await keys.recovered()
        slot, key = await keys.generate(None)
        assert slot == "agent-svid-A"
        leaf = TestCa().leaf("/spire/agent/a", private_key=key)  # type: ignore[arg-type]
        identity = await keys.find(leaf.chain, reattestable=True)
        assert identity == AgentIdentity(x509.parse(leaf.chain), key, "agent-svid-A", True)
        slot, other = await keys.generate(identity)
        assert slot == "agent-svid-B"
        assert public_key_of(other) != public_key_of(key)
        assert await keys.find(leaf.chain, reattestable=True) == identity
        assert await keys.recovered()

    asyncio.run(scenario())


def test_a_chain_whose_key_is_gone_is_no_identity() -> None:
    async def scenario() -> None:
        keys = AgentKeys(Memory())
        await keys.generate(None)
        assert await keys.find(TestCa().leaf("/spire/agent/a").chain, reattestable=False) is None

    asyncio.run(scenario())
