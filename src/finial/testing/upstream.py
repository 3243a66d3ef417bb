"""An upstream authority in memory: it changes its root, goes away, passes JWT keys on, as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from finial.errors import Unavailable, Unsupported
from finial.plugin.kinds import MintedCa
from finial.plugins.upstream.mint import mint
from finial.spiffe.bundle import JwtAuthority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa


@dataclass
class MemoryUpstream:
    """Implements `plugin.kinds.UpstreamAuthority`. `announced`: roots that sign nothing yet."""

    now: Callable[[], datetime]
    ca: TestCa
    announced: list[TestCa] = field(default_factory=list)
    gone: bool = False
    passes_keys_on: bool = False
    keys: list[JwtAuthority] = field(default_factory=list)

    @property
    def root_id(self) -> str:
        return self.ca.subject_key_id.hex()

    async def mint_x509_ca(self, csr: bytes, preferred_ttl: int) -> MintedCa:
        domain = TrustDomain(self.ca.trust_domain)
        roots = await self.x509_roots()
        made = mint(csr, self.ca.certificate, self.ca.private_key, domain, self.now(), preferred_ttl)
        return MintedCa((made,), roots)

    async def x509_roots(self) -> tuple[bytes, ...]:
        if self.gone:
            raise Unavailable("upstream authority is gone")
        return (self.ca.der, *(one.der for one in self.announced))

    async def publish_jwt_key(self, key: JwtAuthority) -> tuple[JwtAuthority, ...]:
        if not self.passes_keys_on:
            raise Unsupported("publishing upstream is unsupported")
        self.keys.append(key)
        return tuple(self.keys)
