"""The agent's own identity: an SVID and the slot of its key.

The KeyManager keeps two keys, `agent-svid-A` and `agent-svid-B`. A new key goes into the slot that is not
in use, so that the one in use outlives a renewal that fails. SPIRE 1.15 `svidkeymanager.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.plugin.kinds import KeyManager, KeyType, PrivateKey
from finial.svid import x509
from finial.svid.x509 import X509Svid, private_key_to_pkcs8

SLOTS = ("agent-svid-A", "agent-svid-B")
KEY_TYPE = KeyType.EC_P256


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    svid: X509Svid
    key: PrivateKey = field(repr=False)
    slot: str
    reattestable: bool

    @property
    def key_der(self) -> bytes:
        """DER PKCS#8."""
        return private_key_to_pkcs8(self.key)


class AgentKeys:
    """The two slots of a KeyManager."""

    def __init__(self, manager: KeyManager) -> None:
        self._manager = manager

    async def find(self, chain: Sequence[bytes], *, reattestable: bool) -> AgentIdentity | None:
        """The identity of a stored chain; None if its key is gone. Raises: InvalidArgument for a bad chain."""
        svid = x509.parse(chain)
        keys = await self._manager.keys()
        for slot in SLOTS:
            key = keys.get(slot)
            if key is not None and public_key_of(key) == svid.public_key:
                return AgentIdentity(svid, key, slot, reattestable)
        return None

    async def recovered(self) -> bool:
        """Whether there are keys, of whatever use."""
        return not set(SLOTS).isdisjoint(await self._manager.keys())

    async def generate(self, used: AgentIdentity | None) -> tuple[str, PrivateKey]:
        """Slot and new key; the slot in use stays as it is."""
        slot = SLOTS[1] if used is not None and used.slot == SLOTS[0] else SLOTS[0]
        return slot, await self._manager.generate(slot, KEY_TYPE)


def public_key_of(key: PrivateKey) -> bytes:
    """DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
