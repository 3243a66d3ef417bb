"""KeyManager "memory": keys live as long as the process. After a restart the server makes new ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from finial.plugin.kinds import KeyType, PrivateKey
from finial.plugins.key.generation import generate


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Takes no options."""


class Memory:
    """Implements `plugin.kinds.KeyManager`."""

    def __init__(self, config: Config | None = None) -> None:
        self._keys: dict[str, PrivateKey] = {}

    async def keys(self) -> Mapping[str, PrivateKey]:
        return MappingProxyType(dict(self._keys))

    async def generate(self, key_id: str, key_type: KeyType) -> PrivateKey:
        """Under cancellation the old key stays."""
        key = await asyncio.to_thread(generate, key_type)
        self._keys[key_id] = key
        return key
