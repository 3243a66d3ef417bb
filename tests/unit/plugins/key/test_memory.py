"""KeyManager "memory"."""

from __future__ import annotations

import asyncio

from finial.plugin.kinds import KeyManager, KeyType
from finial.plugins.key.memory import Memory


def test_generated_keys_are_kept_by_id_and_replaced() -> None:
    async def scenario() -> None:
        manager: KeyManager = Memory()
        assert await manager.keys() == {}
        first = await manager.generate("x509-CA-A", KeyType.EC_P256)
        other = await manager.generate("x509-CA-B", KeyType.EC_P256)
        assert await manager.keys() == {"x509-CA-A": first, "x509-CA-B": other}
        second = await manager.generate("x509-CA-A", KeyType.EC_P384)
        assert (await manager.keys())["x509-CA-A"] is second

    asyncio.run(scenario())


def test_what_was_handed_out_does_not_change() -> None:
    async def scenario() -> None:
        manager = Memory()
        before = await manager.keys()
        await manager.generate("a", KeyType.EC_P256)
        assert before == {}

    asyncio.run(scenario())
