"""A KeyManager whose calls are counted, as SPIRE counts those of its own: pkg/common/telemetry/{server,agent}/keymanager."""

from __future__ import annotations

from collections.abc import Mapping

from finial.plugin.kinds import KeyManager, KeyType, PrivateKey
from finial.runtime.metrics import Metrics


class MeasuredKeys:
    """`of`: the first part of both names, `server_key_manager`; `telling`: the last of what `keys` counts under."""

    def __init__(self, keys: KeyManager, metrics: Metrics, of: str, telling: str) -> None:
        self._keys = keys
        self._generated = metrics.calls(f"{of}.generate_key")
        self._told = metrics.calls(f"{of}.{telling}")

    async def keys(self) -> Mapping[str, PrivateKey]:
        with self._told.measured():
            return await self._keys.keys()

    async def generate(self, key_id: str, key_type: KeyType) -> PrivateKey:
        with self._generated.measured():
            return await self._keys.generate(key_id, key_type)
