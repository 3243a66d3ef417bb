"""Calls of a KeyManager are counted, whatever it keeps its keys in."""

from __future__ import annotations

import asyncio

import pytest

from finial.errors import Unavailable
from finial.plugin.kinds import KeyType, PrivateKey
from finial.plugin.measured import MeasuredKeys
from finial.plugins.key.memory import Memory
from finial.testing.metrics import told, unread


class Broken(Memory):
    async def generate(self, key_id: str, key_type: KeyType) -> PrivateKey:
        raise Unavailable("no room")


def test_keys_come_through_and_calls_are_counted() -> None:
    async def scene() -> None:
        metrics = unread()
        keys = MeasuredKeys(Memory(), metrics, "server_key_manager", "get_public_keys")
        key = await keys.generate("a", KeyType.EC_P256)
        assert await keys.keys() == {"a": key}
        counted = told(metrics)
        assert counted['s_server_key_manager_generate_key{status="OK"}'] == 1
        assert counted['s_server_key_manager_get_public_keys{status="OK"}'] == 1

    asyncio.run(scene())


def test_a_failure_is_counted_and_goes_on() -> None:
    metrics = unread()
    keys = MeasuredKeys(Broken(), metrics, "agent_key_manager", "get_keys")
    with pytest.raises(Unavailable):
        asyncio.run(keys.generate("a", KeyType.EC_P256))
    assert told(metrics)['s_agent_key_manager_generate_key{status="Unavailable"}'] == 1
